import { type Architecture, debianName } from "../../cli/dataset/instance-type.ts";
import type { Sizing } from "../../cli/dataset/sizing.ts";
import { type Deployment, stackTags } from "../deployment.ts";
import {
  AutoscalingGroup,
  AutoscalingSchedule,
  Construct,
  DataAwsSsmParameter,
  Fn,
  LaunchTemplate,
  type TerraformResource,
  type TerraformVariable,
} from "../terraform.ts";
import type { Access } from "./access.ts";
import type { NetworkPlaces } from "./network.ts";

const ROOT_GIB = 16;
/** The name that the work volume has in the API; on the instance it is an NVMe disk. */
const WORK_DEVICE = "/dev/sdf";

export type Purchase = "spot" | "on-demand";

/** A group of at most one instance, and the script that its instances start with. */
export interface GroupPlan {
  name: string;
  purchase: Purchase;
  /** A Terraform expression. */
  userData: string;
  /** Whether it starts an instance when it is made. */
  isFirst: boolean;
}

/** The parameter with the id of Canonical's current Ubuntu LTS image (Ubuntu on AWS, "Find Ubuntu images"). */
export function imageParameter(architecture: Architecture): string {
  return `/aws/service/canonical/ubuntu/server/24.04/stable/current/${debianName(architecture)}/hvm/ebs-gp3/ami-id`;
}

/**
 * The launch template and Auto Scaling group of each plan; a reclaimed instance is replaced, and resumes.
 * @param needed what instances need when they start
 */
export function createCompute(
  parent: Construct,
  deployment: Deployment,
  sizing: Sizing,
  places: { network: NetworkPlaces; access: Access },
  groups: GroupPlan[],
  variables: { image: TerraformVariable; start: TerraformVariable },
  needed: TerraformResource[],
): AutoscalingGroup[] {
  const scope = new Construct(parent, "compute");
  const image = new DataAwsSsmParameter(scope, "image", { name: variables.image.stringValue });
  return groups.map((group) => {
    const label = group.purchase.replace("-", "_");
    const template = createTemplate(scope, label, deployment, sizing, places, group, image.insecureValue);
    return createGroup(scope, label, deployment, sizing, places.network, group, template, variables.start, needed);
  });
}

function createTemplate(
  scope: Construct,
  label: string,
  { id, name, dataset }: Deployment,
  sizing: Sizing,
  { network, access }: { network: NetworkPlaces; access: Access },
  group: GroupPlan,
  imageId: string,
): LaunchTemplate {
  const { iops, throughput } = dataset.volume;
  // Default tags do not reach what Auto Scaling makes.
  const tags = { ...stackTags(name, dataset), Name: id };
  const gp3 = { encrypted: "true", volumeType: "gp3", deleteOnTermination: "true" };
  return new LaunchTemplate(scope, `${label}_template`, {
    name: `${id}-${group.purchase}`,
    updateDefaultVersion: true,
    imageId,
    userData: Fn.base64encode(group.userData),
    instanceInitiatedShutdownBehavior: "terminate",
    iamInstanceProfile: { arn: access.instanceProfileArn },
    ...(dataset.ssh === undefined ? {} : { keyName: dataset.ssh.keyName }),
    metadataOptions: {
      httpEndpoint: "enabled",
      httpTokens: "required",
      httpPutResponseHopLimit: 1,
      instanceMetadataTags: "disabled",
    },
    monitoring: { enabled: true },
    networkInterfaces: [
      {
        deviceIndex: 0,
        securityGroups: [network.securityGroupId],
        deleteOnTermination: "true",
        ...(network.isPublic ? { associatePublicIpAddress: "true" } : {}),
      },
    ],
    blockDeviceMappings: [
      { deviceName: "/dev/sda1", ebs: { ...gp3, volumeSize: ROOT_GIB } },
      { deviceName: WORK_DEVICE, ebs: { ...gp3, volumeSize: sizing.volumeGiB, iops, throughput } },
    ],
    tagSpecifications: ["instance", "volume", "network-interface"].map((resourceType) => ({ resourceType, tags })),
  });
}

function createGroup(
  scope: Construct,
  label: string,
  deployment: Deployment,
  { instanceTypes }: Sizing,
  network: NetworkPlaces,
  { name, purchase, isFirst }: GroupPlan,
  template: LaunchTemplate,
  start: TerraformVariable,
  dependsOn: TerraformResource[],
): AutoscalingGroup {
  const { id, dataset } = deployment;
  const group = new AutoscalingGroup(scope, `${label}_group`, {
    name,
    minSize: 0,
    maxSize: 1,
    // Later the capacity is a matter of the instances: they set it to 0 when all is done.
    desiredCapacity: isFirst ? Fn.conditional(start.booleanValue, 1, 0) : 0,
    vpcZoneIdentifier: network.subnetIds,
    healthCheckType: "EC2",
    healthCheckGracePeriod: 300,
    // Spot capacity may not be there at once, and a deployment need not wait for it.
    waitForCapacityTimeout: "0",
    enabledMetrics: ["GroupDesiredCapacity", "GroupInServiceInstances"],
    mixedInstancesPolicy: {
      instancesDistribution: {
        onDemandBaseCapacity: 0,
        onDemandPercentageAboveBaseCapacity: purchase === "spot" ? 0 : 100,
        onDemandAllocationStrategy: "lowest-price",
        spotAllocationStrategy: "price-capacity-optimized",
      },
      launchTemplate: {
        launchTemplateSpecification: { launchTemplateId: template.id, version: "$Latest" },
        override: instanceTypes.map((instanceType) => ({ instanceType })),
      },
    },
    tag: Object.entries({ ...stackTags(deployment.name, dataset), Name: id }).map(([key, value]) => ({
      key,
      value,
      propagateAtLaunch: false,
    })),
    lifecycle: { ignoreChanges: ["desired_capacity"] },
    dependsOn,
  });
  if (isFirst && dataset.schedule !== undefined)
    new AutoscalingSchedule(scope, `${label}_schedule`, {
      scheduledActionName: "run",
      autoscalingGroupName: group.name,
      recurrence: dataset.schedule,
      timeZone: "Etc/UTC",
      minSize: 0,
      maxSize: 1,
      desiredCapacity: 1,
    });
  return group;
}
