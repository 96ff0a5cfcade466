import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Finding } from "../../cli/doctor/finding.ts";
import { convertOptionsSchema } from "../../cli/plan/options.ts";
import { makePlan } from "../../cli/plan/plan.ts";
import { openCatalog } from "../../cli/run/catalog.ts";
import { workLayout } from "../../cli/store/layout.ts";
import { startMetadataService } from "../../scripts/services/metadata-service.ts";
import { type S3Server, startS3Server } from "../../scripts/services/s3-server.ts";
import { convertOk, makeDump, runCli, temporaryFolder } from "../run/cli.ts";

const MAIN = join(import.meta.dir, "../../cli/main.ts");
const LIBRARY = "/usr/lib/x86_64-linux-gnu/libsecp256k1.so.1";
const BATCH_LIBRARY = join(import.meta.dir, "../../dist/schnorr-batch.so");
/** A shell command that hides the library for batches, where there is one. */
const NO_BATCHES = existsSync(BATCH_LIBRARY) ? `mount --bind /dev/null ${BATCH_LIBRARY}` : "true";

setDefaultTimeout(30_000);

const folder = temporaryFolder();
let s3: S3Server;

/** Neither credentials nor instance metadata, whatever this machine has. */
const BARE = {
  AWS_ACCESS_KEY_ID: "",
  AWS_SECRET_ACCESS_KEY: "",
  AWS_PROFILE: "",
  AWS_REGION: "us-east-1",
  AWS_CONFIG_FILE: folder.join("no-config"),
  AWS_SHARED_CREDENTIALS_FILE: folder.join("no-credentials"),
  AWS_EC2_METADATA_DISABLED: "true",
};

beforeAll(async () => {
  s3 = await startS3Server(folder.join("s3"));
  s3.createBucket("archives");
});
afterAll(async () => {
  await s3?.stop();
  folder[Symbol.dispose]();
});

interface Report {
  exitCode: number;
  findings: Finding[];
  /** The findings on something, as `level text`. */
  on(about: string): string[];
}

function read(stdout: string, exitCode: number): Report {
  const { ok, findings }: { ok: boolean; findings: Finding[] } = JSON.parse(stdout);
  expect(exitCode).toBe(ok ? 0 : 1);
  const on = (about: string) =>
    findings.filter((finding) => finding.about === about).map(({ level, text }) => `${level} ${text}`);
  return { exitCode, findings, on };
}

async function doctor(args: string[], env: Record<string, string> = {}): Promise<Report> {
  const { stdout, stderr, exitCode } = await runCli(["doctor", "--json", "--retry-for", "1", ...args], undefined, {
    ...BARE,
    ...env,
  });
  expect(stderr).toBe("");
  return read(stdout, exitCode);
}

const onS3 = (args: string[], env: Record<string, string>) => doctor([...args, "--endpoint-url", s3.url], env);

/** Runs `doctor` in a mount namespace of its own, after shell commands that change what is mounted. */
function doctorWith(mounts: string, args: string[]): Report {
  const command = ["unshare", "-m", "sh", "-c", `${mounts} && exec "$@"`, "sh", process.execPath, "run", MAIN];
  const { stdout, exitCode } = Bun.spawnSync([...command, "doctor", "--json", ...args], {
    env: { ...process.env, ...BARE },
  });
  return read(stdout.toString(), exitCode ?? -1);
}
const canMount = Bun.spawnSync(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]).success;
if (!canMount) console.warn("skipped: this user may not mount");

test("a host that the tests run on can work, and is described line by line", async () => {
  const { findings, exitCode, on } = await doctor([folder.join("new", "archive")]);
  expect([exitCode, findings.filter(({ level }) => level === "problem")]).toEqual([0, []]);
  for (const about of [
    "system",
    "bun",
    "processors",
    "memory",
    "open files",
    "sqlite",
    "signatures",
    "temporary",
    "work",
  ])
    expect([about, on(about)[0]]).toEqual([about, expect.stringMatching(/^(ok|warning) /)]);
  expect(on("signatures")[0]).toMatch(/self-test passed, [\d,]+ signatures\/s/);
  expect(on("archive")).toEqual([expect.stringContaining("holds no archive yet")]);
  expect(on("instance")).toEqual(["ok this is no EC2 instance"]);
  // Looking leaves nothing behind.
  expect(existsSync(folder.join("new"))).toBe(false);
  expect(readdirSync(folder.path).filter((name) => name.includes("doctor"))).toEqual([]);
  const { stdout } = await runCli(["doctor", folder.path], undefined, BARE);
  expect(stdout).toMatch(/^ok +system +linux /);
});

test("an archive of this host: whole, unfinished, in use, without its manifest", async () => {
  const archive = folder.join("archive");
  const { path } = await makeDump(folder.join("dumps"), "dump.jsonl", { lines: 500 });
  await convertOk([path, "-o", archive]);
  expect((await doctor([archive])).on("archive")).toEqual([expect.stringMatching(/^ok .*events of 5 days/)]);

  const layout = workLayout(archive);
  mkdirSync(layout.root, { recursive: true });
  writeFileSync(layout.plan, JSON.stringify(makePlan([], convertOptionsSchema.parse({}), 1)));
  expect((await doctor([archive])).on("archive")[1]).toMatch(/^warning .*unfinished run/);
  // Killed while it was being published: the index has its name, the manifest has not.
  const manifest = join(archive, "manifest.json");
  renameSync(manifest, `${manifest}.away`);
  const halfPublished = await doctor([archive]);
  expect(halfPublished.on("archive")).toEqual([
    expect.stringMatching(/^ok .*holds no archive yet/),
    expect.stringMatching(/^warning .*unfinished run/),
  ]);
  renameSync(`${manifest}.away`, manifest);

  const catalog = openCatalog(layout.catalog);
  expect((await doctor([archive])).on("archive")[1]).toMatch(/^warning another proton-beam is at work/);
  catalog.close();

  rmSync(layout.root, { recursive: true });
  rmSync(manifest);
  const bare = await doctor([archive]);
  expect([bare.exitCode, bare.on("archive")[1]]).toEqual([1, expect.stringMatching(/index\.db but no manifest\.json/)]);

  writeFileSync(manifest, "{}");
  const damaged = await doctor([archive]);
  expect([damaged.exitCode, damaged.on("archive")]).toEqual([1, [expect.stringMatching(/^problem .*manifest/)]]);
});

test("an archive in S3: listed, read, written with conditions, and nothing is left of it", async () => {
  const { findings, on, exitCode } = await onS3(["s3://archives/nostr", "--write"], s3.env);
  expect([exitCode, findings.filter(({ level }) => level !== "ok")]).toEqual([0, []]);
  expect(on("credentials")[0]).toBe("ok from the environment; region us-east-1");
  expect(on("bucket")[0]).toContain("can be listed");
  expect(on("writing")[0]).toContain("conditional put");
  expect(on("clock")[0]).toContain("agrees with 127.0.0.1");
  expect(JSON.stringify(findings)).not.toContain(s3.env.AWS_SECRET_ACCESS_KEY);
  expect(JSON.stringify(findings)).not.toContain(s3.env.AWS_ACCESS_KEY_ID);
  expect(readdirSync(s3.path("archives"), { recursive: true }).filter((name) => `${name}`.includes("doctor"))).toEqual(
    [],
  );
});

test("what S3 refuses is told with what to do", async () => {
  const none = await onS3(["s3://archives/nostr"], {});
  expect(none.on("credentials")[0]).toMatch(/^problem none were found/);
  expect(none.on("bucket")[0]).toMatch(/^problem .*no AWS credentials/);
  // The rest is looked at all the same.
  expect(none.on("signatures")).toHaveLength(1);

  const wrong = await onS3(["s3://archives/nostr", "--write"], { ...s3.env, AWS_SECRET_ACCESS_KEY: "wrong" });
  expect(wrong.on("credentials")[0]).toMatch(/^ok /);
  expect(wrong.on("bucket")[0]).toMatch(/^problem .*SignatureDoesNotMatch/);
  expect(wrong.on("writing")[0]).toMatch(/^problem .*SignatureDoesNotMatch/);

  const missing = await onS3(["s3://no-such-bucket/nostr"], s3.env);
  expect(missing.on("bucket")[0]).toMatch(/^problem .*NoSuchBucket.*Create the bucket/);
  const unreachable = await doctor(["s3://archives/x", "--endpoint-url", "http://127.0.0.1:9"], s3.env);
  expect(unreachable.on("clock")[0]).toMatch(/^problem 127\.0\.0\.1:9 cannot be reached/);
  expect(unreachable.on("bucket")[0]).toMatch(/^problem /);
});

/** A server that keeps objects and knows no conditions, as some that call themselves S3. */
function startCarelessServer() {
  const objects = new Map<string, string>();
  return Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const { pathname, searchParams } = new URL(request.url);
      const object = objects.get(pathname);
      if (request.method === "PUT") {
        objects.set(pathname, await request.text());
        return new Response("", { headers: { ETag: `"${objects.size}"` } });
      }
      if (request.method === "POST") {
        const keys = [...(await request.text()).matchAll(/<Key>(.*?)<\/Key>/g)];
        for (const [, key] of keys) objects.delete(`${pathname}${pathname.endsWith("/") ? "" : "/"}${key}`);
        return new Response("<DeleteResult/>", { headers: { "Content-Type": "application/xml" } });
      }
      if (searchParams.has("list-type"))
        return new Response("<ListBucketResult/>", { headers: { "Content-Type": "application/xml" } });
      if (object === undefined) return new Response("<Error><Code>NoSuchKey</Code></Error>", { status: 404 });
      return new Response(object, { headers: { ETag: '"1"' } });
    },
  });
}

test("a server without conditional writes is found out", async () => {
  const server = startCarelessServer();
  try {
    const args = ["s3://archives/nostr", "--write", "--endpoint-url", `http://127.0.0.1:${server.port}`];
    const report = await doctor(args, s3.env);
    expect([report.exitCode, report.on("writing")]).toEqual([
      1,
      ["problem the server takes no notice of If-None-Match"],
    ]);
  } finally {
    await server.stop(true);
  }
});

test("a clock that is off is a warning, and a problem where S3 would refuse it", async () => {
  let ahead = 0;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => new Response("{}\n", { headers: { Date: new Date(Date.now() + ahead).toUTCString() } }),
  });
  const input = `http://127.0.0.1:${server.port}/dump.jsonl`;
  try {
    const clock = async (ms: number) => {
      ahead = ms;
      return (await doctor([folder.path, "--input", input])).on("clock")[0];
    };
    expect(await clock(0)).toMatch(/^ok agrees/);
    expect(await clock(60_000)).toMatch(/^warning .*behind/);
    expect(await clock(-60_000)).toMatch(/^warning .*ahead of/);
    expect(await clock(3_600_000)).toMatch(/^problem .*15 minutes/);
  } finally {
    await server.stop(true);
  }
});

test("an input: with ranges, without, compressed, gone", async () => {
  const lines = "{}\n".repeat(1000);
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url, headers }) => {
      const { pathname } = new URL(url);
      if (pathname === "/gone.jsonl") return new Response("", { status: 404 });
      const body = pathname.endsWith(".gz") ? Bun.gzipSync(lines) : Buffer.from(lines);
      const range = /^bytes=(\d+)-(\d+)$/.exec(headers.get("range") ?? "");
      if (range === null || pathname.startsWith("/whole")) return new Response(new Uint8Array(body));
      const [from, to] = [Number(range[1]), Number(range[2]) + 1];
      return new Response(new Uint8Array(body.subarray(from, to)), {
        status: 206,
        headers: { "Content-Range": `bytes ${from}-${to - 1}/${body.length}`, ETag: '"1"' },
      });
    },
  });
  try {
    const input = async (path: string) => {
      const report = await doctor([folder.path, "--input", `http://user:secret@127.0.0.1:${server.port}${path}`]);
      expect(JSON.stringify(report.findings)).not.toContain("secret");
      return report.on("input");
    };
    const ranged = await input("/dump.jsonl");
    expect(ranged).toEqual([expect.stringMatching(/^ok http:\/\/127.*: 1 file, 3 kB$/)]);
    expect((await input("/whole.jsonl"))[1]).toMatch(/^warning the server gives no ranges/);
    expect((await input("/dump.jsonl.gz"))[1]).toMatch(/^ok 1 compressed/);
    expect(await input("/gone.jsonl")).toEqual([expect.stringMatching(/^problem .*404/)]);
  } finally {
    await server.stop(true);
  }
});

test("an EC2 instance with a role, and one whose metadata service is out of reach", async () => {
  const service = startMetadataService({ accessKeyId: "id", secretAccessKey: "secret", sessionToken: "token" });
  service.documents.set("instance-type", "c7g.4xlarge");
  service.documents.set("instance-life-cycle", "spot");
  service.documents.set("placement/region", "eu-west-1");
  const env = { AWS_EC2_METADATA_DISABLED: "", AWS_EC2_METADATA_SERVICE_ENDPOINT: service.url };
  try {
    const { on, findings } = await onS3(["s3://archives/nostr"], env);
    expect(on("instance")).toEqual([expect.stringMatching(/^ok c7g\.4xlarge, spot, eu-west-1/)]);
    expect(on("credentials")[0]).toMatch(/^ok from the instance's role, temporary until 20/);
    expect(JSON.stringify(findings)).not.toContain("secret");
  } finally {
    service.stop();
  }
  const dead = await doctor([folder.path], env);
  expect([dead.exitCode, dead.on("instance")]).toEqual([
    0,
    [expect.stringMatching(/^warning the metadata service does not answer/)],
  ]);
});

test.skipIf(!canMount)("a folder that cannot be written to, and one in memory", () => {
  const path = folder.join("mounted");
  mkdirSync(path);
  const readOnly = doctorWith(`mount --bind ${path} ${path} && mount -o remount,ro,bind ${path}`, [path]);
  expect([readOnly.exitCode, readOnly.on("work")]).toEqual([1, [expect.stringMatching(/^problem .*read-only/i)]]);
  const inMemory = doctorWith(`mount -t tmpfs none ${path}`, [path]);
  expect([inMemory.exitCode, inMemory.on("work").at(-1)]).toEqual([0, expect.stringMatching(/^warning .*tmpfs/)]);
  const tiny = doctorWith(`mount -t tmpfs -o size=4m none ${path}`, [path]);
  expect([tiny.exitCode, tiny.on("work")[1]]).toEqual([1, expect.stringMatching(/^problem .*not enough/)]);
});

test.skipIf(!canMount || !existsSync(LIBRARY))(
  "without a native library signatures are checked by WebAssembly, and it says so",
  () => {
    const { exitCode, on, findings } = doctorWith(`${NO_BATCHES} && mount --bind /dev/null ${LIBRARY}`, [folder.path]);
    expect([exitCode, on("signatures")]).toEqual([
      0,
      [expect.stringMatching(/^warning tiny-secp256k1 \(WebAssembly\), self-test passed/)],
    ]);
    expect(findings.find(({ about }) => about === "signatures")?.fix).toContain("libsecp256k1");
  },
);

test.skipIf(!canMount || !existsSync(LIBRARY))("what makes checking signatures faster is told", () => {
  const { exitCode, on, findings } = doctorWith(NO_BATCHES, [folder.path]);
  expect([exitCode, on("signatures")]).toEqual([0, [expect.stringMatching(/^warning libsecp256k1 .* in batches/)]]);
  expect(findings.find(({ about }) => about === "signatures")?.fix).toContain("npm run build:native");
});

test("what cannot be asked for is bad usage", async () => {
  const { exitCode, stderr } = await runCli(["doctor", folder.path, "--write"]);
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining("s3://bucket/prefix")]);
  expect((await runCli(["doctor", "s3://B"])).exitCode).toBe(2);
});
