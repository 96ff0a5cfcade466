import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { freePort, type Service, startService } from "./process.ts";

/** The version that `.ci/run` installs. */
const INSTALL = "go install github.com/versity/versitygw/cmd/versitygw@v1.8.0, with Go's bin folder on the PATH";

/** An S3 server whose buckets are folders and whose objects are files. */
export interface S3Server extends Service {
  /** The variables that give a client its credentials. */
  env: Record<string, string>;
  createBucket(name: string): void;
  /** The file that an object is. */
  path(...key: string[]): string;
}

/** Starts Versity's S3 gateway on `folder`: a real S3 server with multipart uploads, ranges and conditional writes. */
export async function startS3Server(folder: string): Promise<S3Server> {
  const objects = join(folder, "objects");
  const metadata = join(folder, "metadata");
  for (const path of [objects, metadata]) mkdirSync(path, { recursive: true });
  const port = await freePort();
  const env = { AWS_ACCESS_KEY_ID: "proton-beam", AWS_SECRET_ACCESS_KEY: "proton-beam-secret" };
  const command = ["versitygw", "--port", `127.0.0.1:${port}`, "--quiet", "posix", "--sidecar", metadata, objects];
  const root = { ROOT_ACCESS_KEY: env.AWS_ACCESS_KEY_ID, ROOT_SECRET_KEY: env.AWS_SECRET_ACCESS_KEY };
  const service = await startService(command, port, { install: INSTALL, env: root });
  return {
    ...service,
    env,
    createBucket: (name) => mkdirSync(join(objects, name)),
    path: (...key) => join(objects, ...key),
  };
}
