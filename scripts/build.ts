// Builds `dist/proton-beam`, or the file that is named: one executable with the program, its workers and the WebAssembly verifier in it.
import { join } from "node:path";
import { buildOptions, root } from "./build-options.ts";

const outfile = process.argv[2] ?? join(root, "dist/proton-beam");
// Bytecode halves the time to the first line: nothing is parsed at the start, neither by the program nor by its threads.
const result = await Bun.build({ ...buildOptions, bytecode: true, format: "esm", compile: { outfile } });
for (const message of result.logs) console.error(message);
console.log(outfile);
