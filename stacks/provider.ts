import type { Dataset } from "../cli/dataset/schema.ts";
import { stackTags } from "./deployment.ts";
import { AwsProvider, type TerraformStack } from "./terraform.ts";

/** The bindings are made from version 6, and what they write is validated by 5.100. */
const VERSIONS = ">= 5.100.0, < 7.0.0";
const TERRAFORM_VERSIONS = ">= 1.9.0";

/** @param endpoint one address for all services, of an emulator; null for AWS */
export function createProvider(stack: TerraformStack, name: string, dataset: Dataset, endpoint: string | null): void {
  const services = ["autoscaling", "cloudtrail", "cloudwatch", "ec2", "iam", "logs", "s3", "sns", "ssm", "sts"];
  new AwsProvider(stack, "aws", {
    region: dataset.region,
    defaultTags: [{ tags: stackTags(name, dataset) }],
    ...(endpoint === null
      ? {}
      : {
          accessKey: "emulator",
          secretKey: "emulator",
          skipCredentialsValidation: true,
          skipMetadataApiCheck: "true",
          skipRegionValidation: true,
          s3UsePathStyle: true,
          endpoints: [Object.fromEntries(services.map((service) => [service, endpoint]))],
        }),
  });
  stack.addOverride("terraform.required_providers.aws", { source: "hashicorp/aws", version: VERSIONS });
  stack.addOverride("terraform.required_version", TERRAFORM_VERSIONS);
}
