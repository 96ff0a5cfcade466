import type { BackendConfig } from "./config.ts";
import { stackId } from "./deployment.ts";
import { CloudBackend, LocalBackend, NamedCloudWorkspace, S3Backend, type TerraformStack } from "./terraform.ts";

/** Where the state of a stack is kept. */
export function createBackend(stack: TerraformStack, name: string, backend: BackendConfig): void {
  switch (backend.type) {
    case "local":
      // Beside cdktf.out, which may be deleted at any time; relative, so that a synthesized directory names no machine's paths.
      new LocalBackend(stack, { path: `../../../terraform.${name}.tfstate` });
      return;
    case "s3": {
      const { bucket, region, prefix, lock } = backend;
      const key = `${prefix}${name}.tfstate`;
      const s3 = new S3Backend(stack, {
        bucket,
        region,
        key,
        encrypt: true,
        ...(lock === "file" ? {} : { dynamodbTable: lock }),
      });
      if (lock === "file") s3.addOverride("use_lockfile", true);
      return;
    }
    case "cloud":
      new CloudBackend(stack, {
        hostname: backend.hostname,
        organization: backend.organization,
        workspaces: new NamedCloudWorkspace(stackId(name)),
      });
  }
}
