import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadBatchVerifier } from "../../cli/event/signature/batch.ts";
import { passesSelfTest } from "../../cli/event/signature/select.ts";
import { buildBundle } from "../../scripts/bundle.ts";
import { agentConfig } from "../../user-data/agent-config.ts";
import { pinnedBun } from "../../user-data/bun.ts";
import { type InstanceSettings, renderUserData, USER_DATA_LIMIT } from "../../user-data/render.ts";
import { temporaryFolder } from "../run/cli.ts";
import { unpackUserData } from "./unpack.ts";

const ROOT = join(import.meta.dir, "../..");
const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

/** With all there is, and names as long as they come. */
const settings: InstanceSettings = {
  dataset: "nostr-2024",
  datasetJson: JSON.stringify(
    {
      description: 'It\'s 100% of "all" $HOME `id` \\ ünïcode',
      source: {
        urls: Array.from({ length: 5 }, (_, at) => `https://dumps.example.org/nostr/2024/part-${at}.jsonl.zst`),
      },
    },
    null,
    2,
  ),
  region: "eu-central-1",
  output: "s3://proton-beam-nostr-2024-archive-123456789012-eu-central-1/nostr",
  logs: "s3://proton-beam-nostr-2024-logs-123456789012-eu-central-1/machines",
  bundle: { url: "s3://proton-beam-nostr-2024-logs-123456789012-eu-central-1/code/0.tar.gz", sha256: "0".repeat(64) },
  bun: pinnedBun(),
  autoScalingGroups: ["proton-beam-nostr-2024-spot", "proton-beam-nostr-2024-on-demand"],
  standby: "proton-beam-nostr-2024-spot",
  metricsNamespace: "ProtonBeam",
  maxRunSeconds: 259_200,
  volume: "mount",
  terminate: true,
  agent: {
    url: "https://amazoncloudwatch-agent-eu-central-1.s3.eu-central-1.amazonaws.com/ubuntu/amd64/latest/agent.deb",
    signatureUrl: "https://amazoncloudwatch-agent-eu-central-1.s3.eu-central-1.amazonaws.com/ubuntu/amd64/latest/sig",
    keyUrl: "https://amazoncloudwatch-agent.s3.amazonaws.com/assets/amazon-cloudwatch-agent.gpg",
    keyFingerprint: "A".repeat(40),
    logGroup: "/proton-beam/nostr-2024",
  },
  endpoints: {},
};
const text = renderUserData(settings);

describe("user data", () => {
  test("is well below the limit, and beyond it is an error that says what to do", () => {
    expect(Buffer.byteLength(text)).toBeLessThan(12 * 1024);
    const long = { ...settings, datasetJson: JSON.stringify("x".repeat(USER_DATA_LIMIT)) };
    expect(() => renderUserData(long)).toThrow("shorten the dataset file");
  });

  test("has no findings of shellcheck, nor have its sources", () => {
    const path = folder.join("user-data.sh");
    writeFileSync(path, text);
    const sources = ["user-data", "scripts"].flatMap((name) =>
      readdirSync(join(ROOT, name))
        .filter((file) => file.endsWith(".sh"))
        .map((file) => join(ROOT, name, file)),
    );
    expect(sources.length).toBe(5);
    const check = Bun.spawnSync(["shellcheck", path, ...sources]);
    expect([check.exitCode, check.stdout.toString()]).toEqual([0, ""]);
  });

  test("gives every value as it is, whatever characters it has", () => {
    const odd = `s3://b/it's $(id) \`id\` "x" \${x} %{http} \\ \n end`;
    const home = unpackUserData(
      renderUserData({ ...settings, output: odd, autoScalingGroups: ["a b'", "$c"] }),
      folder.path,
    );
    const { stdout } = Bun.spawnSync([
      "bash",
      "-c",
      `. "$0" && printf "%s\\0" "$OUTPUT" "$MAX_RUN_SECONDS" "$TERMINATE" "$S3_ENDPOINT" "\${SCALING_GROUPS[@]}"`,
      join(home, "settings.sh"),
    ]);
    expect(stdout.toString().split("\0")).toEqual([odd, "259200", "true", "", "a b'", "$c", ""]);
    expect(readFileSync(join(home, "datasets/nostr-2024.json"), "utf8")).toBe(`${settings.datasetJson}\n`);
    expect(JSON.parse(readFileSync(join(home, "agent.json"), "utf8"))).toEqual(
      JSON.parse(JSON.stringify(agentConfig({ ...settings, volume: "mount", logGroup: "/proton-beam/nostr-2024" }))),
    );
    expect(readdirSync(home).sort()).toEqual(["agent.json", "datasets", "instance.sh", "settings.sh"]);
  });

  test("refuses what would break it", () => {
    expect(() => renderUserData({ ...settings, dataset: "a/b" })).toThrow("letters, digits");
    expect(() => renderUserData({ ...settings, datasetJson: "{}\nEND_OF_FILE\n" })).toThrow("no line END_OF_FILE");
  });
});

test("the pinned Bun is the one of package-lock.json", () => {
  const { version, sha512, url } = pinnedBun();
  expect(version).toBe(Bun.version);
  expect(url).toBe("https://registry.npmjs.org/@oven");
  const lock = readFileSync(join(ROOT, "package-lock.json"), "utf8");
  for (const sum of Object.values(sha512))
    expect(lock).toContain(`sha512-${Buffer.from(sum, "hex").toString("base64")}`);
});

test("the same sources give the same bundle", async () => {
  const [first, second] = [await buildBundle(folder.join("a.tar.gz")), await buildBundle(folder.join("b.tar.gz"))];
  expect(second.sha256).toBe(first.sha256);
  const names = Bun.spawnSync(["tar", "-tzf", first.path]).stdout.toString().trim().split("\n");
  const isLibrary = (name: string) => name.startsWith("secp256k1/");
  const workers = names.filter((name) => name.endsWith("worker.js"));
  expect(workers).toContain("worker.js");
  // All that the script compiles on the machine.
  const scripts = ["build-native.sh", "install.sh", "service.sh"];
  const files = [...scripts, "main.js", "proton-beam.service", "schnorr-batch.c"];
  expect(names.filter((name) => !isLibrary(name))).toEqual([...files, ...workers].sort());
  expect(names.filter(isLibrary)).toContain("secp256k1/src/secp256k1.c");
});

test.skipIf(Bun.which("cc") === null)("the bundle has all that the native library is compiled of", async () => {
  const { path } = await buildBundle(folder.join("native.tar.gz"));
  const unpacked = folder.join("native");
  mkdirSync(unpacked);
  Bun.spawnSync(["tar", "-xzf", path, "-C", unpacked]);
  const library = join(unpacked, "made/schnorr-batch.so");
  const build = Bun.spawnSync(["sh", "build-native.sh", "schnorr-batch.c", "secp256k1", library], { cwd: unpacked });
  expect([build.exitCode, build.stderr.toString()]).toEqual([0, ""]);
  const verifier = loadBatchVerifier(library);
  expect(verifier !== null && passesSelfTest(verifier)).toBe(true);
});

test("without a C compiler it is told what to install", () => {
  const build = Bun.spawnSync(["sh", join(ROOT, "scripts/build-native.sh")], {
    env: { ...process.env, CC: "no-such-cc" },
  });
  expect([build.exitCode, build.stderr.toString()]).toEqual([1, expect.stringContaining("apt install gcc libc6-dev")]);
});
