import { type Architecture, debianName } from "../cli/dataset/instance-type.ts";

/**
 * Where a region has the CloudWatch agent for Ubuntu, and the fingerprint of the key that signs it (CloudWatch User Guide,
 * "Verify the signature of the CloudWatch agent package").
 */
export function agentRelease(region: string, architecture: Architecture) {
  const url = `https://amazoncloudwatch-agent-${region}.s3.${region}.amazonaws.com/ubuntu/${debianName(architecture)}/latest/amazon-cloudwatch-agent.deb`;
  return {
    url,
    signatureUrl: `${url}.sig`,
    keyUrl: "https://amazoncloudwatch-agent.s3.amazonaws.com/assets/amazon-cloudwatch-agent.gpg",
    keyFingerprint: "937616F3450B7D806CBD9725D58167303B789C72",
  };
}
