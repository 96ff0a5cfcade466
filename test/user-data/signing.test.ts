import { afterAll, expect, test } from "bun:test";
import { createHash, createHmac } from "node:crypto";
import { join } from "node:path";
import { startMetadataService } from "../../scripts/services/metadata-service.ts";
import { pinnedBun } from "../../user-data/bun.ts";
import { renderUserData } from "../../user-data/render.ts";
import { temporaryFolder } from "../run/cli.ts";
import { unpackUserData } from "./unpack.ts";

const ROLE = { accessKeyId: "ASIAEXAMPLE", secretAccessKey: "secret/of+the=role", sessionToken: "token/of+the=role" };

const folder = temporaryFolder();
const metadata = startMetadataService(ROLE);
const received: { request: Request; body: string }[] = [];
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: async (request) => {
    received.push({ request, body: await request.text() });
    return new Response();
  },
});
const url = `http://127.0.0.1:${server.port}`;
afterAll(async () => {
  metadata.stop();
  await server.stop(true);
  folder[Symbol.dispose]();
});

const home = unpackUserData(
  renderUserData({
    dataset: "signing",
    datasetJson: "{}",
    region: "eu-west-1",
    output: null,
    logs: null,
    bundle: { url: "/none", sha256: "" },
    bun: pinnedBun(),
    autoScalingGroups: [],
    standby: null,
    metricsNamespace: "ProtonBeam",
    maxRunSeconds: 60,
    volume: "directory",
    terminate: false,
    agent: null,
    endpoints: { metadata: metadata.url, s3: url, autoscaling: url, monitoring: url },
  }),
  folder.path,
);

/** Calls a function of instance.sh and gives the request that came of it. */
async function requestOf(command: string, env: Record<string, string> = {}) {
  received.length = 0;
  const shell = Bun.spawn(["bash", "-c", `. ${join(home, "instance.sh")} && ${command}`], {
    env: { PATH: process.env.PATH ?? "", ...env },
    stdout: "ignore",
    stderr: "pipe",
  });
  expect([await shell.exited, await new Response(shell.stderr).text()]).toEqual([0, ""]);
  expect(received.length).toBe(1);
  return received[0];
}

/** The signature that AWS would compute (IAM User Guide, "Create a signed AWS API request"). */
function signatureOf({ request, body }: { request: Request; body: string }, service: string, secret: string): string {
  const { headers, method } = request;
  const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
  const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
  const authorization = headers.get("authorization") ?? "";
  const [, day] = /Credential=[^/]+\/(\d{8})\//.exec(authorization) ?? [];
  const [, signed] = /SignedHeaders=([^,]+),/.exec(authorization) ?? [];
  const lines = signed.split(";").map((name) => `${name}:${headers.get(name)?.trim()}\n`);
  const payload = headers.get("x-amz-content-sha256") ?? sha256(body);
  const canonical = [method, new URL(request.url).pathname, "", lines.join(""), signed, payload].join("\n");
  const scope = `${day}/eu-west-1/${service}/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", headers.get("x-amz-date"), scope, sha256(canonical)].join("\n");
  const key = [day, "eu-west-1", service, "aws4_request"].reduce<string | Buffer>(hmac, `AWS4${secret}`);
  return hmac(key, text).toString("hex");
}

function expectSigned(seen: { request: Request; body: string }, service: string, key: string, secret: string) {
  const authorization = seen.request.headers.get("authorization");
  expect(authorization).toContain(`Credential=${key}/`);
  expect(authorization).toContain(`Signature=${signatureOf(seen, service, secret)}`);
}

test("an upload with the credentials of the role, and its session token, is signed as AWS wants it", async () => {
  const upload = `signed s3 -T ${join(home, "datasets/signing.json")} -H 'If-None-Match: *' "$(s3_url s3://bucket/a/b.json)"`;
  const seen = await requestOf(upload);
  expect([seen.request.method, new URL(seen.request.url).pathname]).toEqual(["PUT", "/bucket/a/b.json"]);
  expect(seen.body).toBe("{}\n");
  expect(seen.request.headers.get("x-amz-security-token")).toBe(ROLE.sessionToken);
  const authorization = seen.request.headers.get("authorization");
  for (const header of ["host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"])
    expect(authorization).toMatch(new RegExp(`SignedHeaders=[^,]*\\b${header}\\b`));
  expectSigned(seen, "s3", ROLE.accessKeyId, ROLE.secretAccessKey);
});

test("calls of the Query APIs are signed too", async () => {
  const seen = await requestOf("no_machines 'a group'");
  expect(Object.fromEntries(new URLSearchParams(seen.body))).toEqual({
    Action: "SetDesiredCapacity",
    Version: "2011-01-01",
    AutoScalingGroupName: "a group",
    DesiredCapacity: "0",
    HonorCooldown: "false",
  });
  expectSigned(seen, "autoscaling", ROLE.accessKeyId, ROLE.secretAccessKey);
  expectSigned(await requestOf("metric RunFailed 1"), "monitoring", ROLE.accessKeyId, ROLE.secretAccessKey);
});

test("credentials in the environment come first", async () => {
  const env = { AWS_ACCESS_KEY_ID: "AKIAOWN", AWS_SECRET_ACCESS_KEY: "own" };
  const seen = await requestOf("no_machines group", env);
  expect(seen.request.headers.get("x-amz-security-token")).toBe(null);
  expectSigned(seen, "autoscaling", "AKIAOWN", "own");
});
