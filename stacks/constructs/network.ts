import type { Deployment } from "../deployment.ts";
import {
  Construct,
  DataAwsAvailabilityZones,
  DefaultSecurityGroup,
  Fn,
  InternetGateway,
  Route,
  RouteTable,
  RouteTableAssociation,
  SecurityGroup,
  Subnet,
  type TerraformResource,
  Vpc,
  VpcEndpoint,
  VpcSecurityGroupEgressRule,
  VpcSecurityGroupIngressRule,
} from "../terraform.ts";

/** Subnets over which spot capacity is looked for. In a region with fewer zones some share one. */
const SUBNETS = 3;
const ANYWHERE = "0.0.0.0/0";

export interface NetworkPlaces {
  vpcId: string;
  subnetIds: string[];
  securityGroupId: string;
  /** Whether instances need a public address to reach the Internet. */
  isPublic: boolean;
  /** What instances need when they start. */
  needed: TerraformResource[];
}

/** The VPC, or the existing one, and the security group of the instances. */
export function createNetwork(parent: Construct, deployment: Deployment): NetworkPlaces {
  const scope = new Construct(parent, "network");
  const { network } = deployment.dataset;
  const place =
    network.kind === "own"
      ? { ...createVpc(scope, deployment, network.cidr), isPublic: true }
      : { vpcId: network.vpcId, subnetIds: network.subnetIds, routes: [], isPublic: false };
  const group = createSecurityGroup(scope, deployment, place.vpcId);
  const { vpcId, subnetIds, routes, isPublic } = place;
  return { vpcId, subnetIds, isPublic, securityGroupId: group.id, needed: [...routes, ...group.rules] };
}

function createVpc(scope: Construct, { id, dataset }: Deployment, cidr: string) {
  const tags = { Name: id };
  const vpc = new Vpc(scope, "vpc", { cidrBlock: cidr, enableDnsHostnames: true, tags });
  // The one that every VPC comes with, emptied of its rules.
  new DefaultSecurityGroup(scope, "default_security_group", { vpcId: vpc.id, tags: { Name: `${id}-unused` } });
  const gateway = new InternetGateway(scope, "internet_gateway", { vpcId: vpc.id, tags });
  const routes = new RouteTable(scope, "routes", { vpcId: vpc.id, tags });
  const toInternet = new Route(scope, "internet_route", {
    routeTableId: routes.id,
    destinationCidrBlock: ANYWHERE,
    gatewayId: gateway.id,
  });
  // Traffic to S3 in the region stays inside of AWS and costs nothing.
  new VpcEndpoint(scope, "s3_endpoint", {
    vpcId: vpc.id,
    serviceName: `com.amazonaws.${dataset.region}.s3`,
    vpcEndpointType: "Gateway",
    routeTableIds: [routes.id],
    tags,
  });
  const zones = new DataAwsAvailabilityZones(scope, "zones", {
    state: "available",
    // Without local and wavelength zones, which have few instance types.
    filter: [{ name: "opt-in-status", values: ["opt-in-not-required"] }],
  });
  const subnets = Array.from({ length: SUBNETS }, (_, i) => {
    const subnet = new Subnet(scope, `subnet_${i}`, {
      vpcId: vpc.id,
      cidrBlock: Fn.cidrsubnet(cidr, 4, i),
      availabilityZone: Fn.element(zones.names, i),
      tags: { Name: `${id}-${i}` },
    });
    const ids = { subnetId: subnet.id, routeTableId: routes.id };
    return { id: subnet.id, routes: new RouteTableAssociation(scope, `subnet_routes_${i}`, ids) };
  });
  return {
    vpcId: vpc.id,
    subnetIds: subnets.map((subnet) => subnet.id),
    routes: [toInternet, ...subnets.map((subnet) => subnet.routes)],
  };
}

/** Nothing comes in, but SSH where it was asked for; out go HTTP, HTTPS and the ports of the sources. */
function createSecurityGroup(scope: Construct, { id, dataset }: Deployment, vpcId: string) {
  const { source, ssh } = dataset;
  const group = new SecurityGroup(scope, "security_group", {
    namePrefix: `${id}-`,
    description: `Instances of ${id}`,
    vpcId,
    lifecycle: { createBeforeDestroy: true },
    tags: { Name: id },
  });
  const rules = outboundPorts(source.urls).map(
    (port) =>
      new VpcSecurityGroupEgressRule(scope, `out_${port}`, {
        securityGroupId: group.id,
        description:
          port === 443 ? "HTTPS: AWS, Bun, sources" : port === 80 ? "HTTP: Ubuntu packages, sources" : "Sources",
        ipProtocol: "tcp",
        fromPort: port,
        toPort: port,
        cidrIpv4: ANYWHERE,
      }),
  );
  (ssh?.cidrs ?? []).forEach((range, i) => {
    new VpcSecurityGroupIngressRule(scope, `ssh_${i}`, {
      securityGroupId: group.id,
      description: "SSH",
      ipProtocol: "tcp",
      fromPort: 22,
      toPort: 22,
      ...(range.includes(":") ? { cidrIpv6: range } : { cidrIpv4: range }),
    });
  });
  return { id: group.id, rules };
}

/** Ports that an instance connects to, ascending. */
export function outboundPorts(urls: string[]): number[] {
  const ports = urls.flatMap((url) => {
    const { protocol, port } = new URL(url);
    return protocol.startsWith("http") && port !== "" ? [Number(port)] : [];
  });
  return [...new Set([80, 443, ...ports])].sort((a, b) => a - b);
}
