/**
 * All that the stacks use of CDK for Terraform and its AWS bindings, in one place: moving to the successor, or to other
 * bindings, changes this file (and the app and its settings in main.ts and cdktf.json) only.
 */
export { AutoscalingGroup } from "@cdktf/provider-aws/lib/autoscaling-group/index.js";
export { AutoscalingPolicy } from "@cdktf/provider-aws/lib/autoscaling-policy/index.js";
export { AutoscalingSchedule } from "@cdktf/provider-aws/lib/autoscaling-schedule/index.js";
export { Cloudtrail } from "@cdktf/provider-aws/lib/cloudtrail/index.js";
export { CloudwatchDashboard } from "@cdktf/provider-aws/lib/cloudwatch-dashboard/index.js";
export { CloudwatchLogGroup } from "@cdktf/provider-aws/lib/cloudwatch-log-group/index.js";
export {
  CloudwatchMetricAlarm,
  type CloudwatchMetricAlarmConfig,
} from "@cdktf/provider-aws/lib/cloudwatch-metric-alarm/index.js";
export { DataAwsAvailabilityZones } from "@cdktf/provider-aws/lib/data-aws-availability-zones/index.js";
export { DataAwsCallerIdentity } from "@cdktf/provider-aws/lib/data-aws-caller-identity/index.js";
export { DataAwsPartition } from "@cdktf/provider-aws/lib/data-aws-partition/index.js";
export { DataAwsSsmParameter } from "@cdktf/provider-aws/lib/data-aws-ssm-parameter/index.js";
export { DefaultSecurityGroup } from "@cdktf/provider-aws/lib/default-security-group/index.js";
export { FlowLog } from "@cdktf/provider-aws/lib/flow-log/index.js";
export { IamInstanceProfile } from "@cdktf/provider-aws/lib/iam-instance-profile/index.js";
export { IamRole } from "@cdktf/provider-aws/lib/iam-role/index.js";
export { IamRolePolicy } from "@cdktf/provider-aws/lib/iam-role-policy/index.js";
export { InternetGateway } from "@cdktf/provider-aws/lib/internet-gateway/index.js";
export { LaunchTemplate } from "@cdktf/provider-aws/lib/launch-template/index.js";
export { AwsProvider } from "@cdktf/provider-aws/lib/provider/index.js";
export { Route } from "@cdktf/provider-aws/lib/route/index.js";
export { RouteTable } from "@cdktf/provider-aws/lib/route-table/index.js";
export { RouteTableAssociation } from "@cdktf/provider-aws/lib/route-table-association/index.js";
export { S3Bucket } from "@cdktf/provider-aws/lib/s3-bucket/index.js";
export { S3BucketLifecycleConfiguration } from "@cdktf/provider-aws/lib/s3-bucket-lifecycle-configuration/index.js";
export { S3BucketLoggingA } from "@cdktf/provider-aws/lib/s3-bucket-logging/index.js";
export { S3BucketMetric } from "@cdktf/provider-aws/lib/s3-bucket-metric/index.js";
export { S3BucketOwnershipControls } from "@cdktf/provider-aws/lib/s3-bucket-ownership-controls/index.js";
export { S3BucketPolicy } from "@cdktf/provider-aws/lib/s3-bucket-policy/index.js";
export { S3BucketPublicAccessBlock } from "@cdktf/provider-aws/lib/s3-bucket-public-access-block/index.js";
export { S3BucketServerSideEncryptionConfigurationA } from "@cdktf/provider-aws/lib/s3-bucket-server-side-encryption-configuration/index.js";
export { S3BucketVersioningA } from "@cdktf/provider-aws/lib/s3-bucket-versioning/index.js";
export { S3Object } from "@cdktf/provider-aws/lib/s3-object/index.js";
export { SecurityGroup } from "@cdktf/provider-aws/lib/security-group/index.js";
export { SnsTopic } from "@cdktf/provider-aws/lib/sns-topic/index.js";
export { SnsTopicPolicy } from "@cdktf/provider-aws/lib/sns-topic-policy/index.js";
export { SnsTopicSubscription } from "@cdktf/provider-aws/lib/sns-topic-subscription/index.js";
export { Subnet } from "@cdktf/provider-aws/lib/subnet/index.js";
export { Vpc } from "@cdktf/provider-aws/lib/vpc/index.js";
export { VpcEndpoint } from "@cdktf/provider-aws/lib/vpc-endpoint/index.js";
export { VpcSecurityGroupEgressRule } from "@cdktf/provider-aws/lib/vpc-security-group-egress-rule/index.js";
export { VpcSecurityGroupIngressRule } from "@cdktf/provider-aws/lib/vpc-security-group-ingress-rule/index.js";
export {
  App,
  AssetType,
  CloudBackend,
  Fn,
  LocalBackend,
  NamedCloudWorkspace,
  S3Backend,
  TerraformAsset,
  type TerraformElement,
  TerraformOutput,
  type TerraformResource,
  TerraformStack,
  TerraformVariable,
} from "cdktf";
export { Construct } from "constructs";
