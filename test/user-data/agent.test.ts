import { afterAll, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runTool } from "../../scripts/services/tools.ts";
import { startWorld, writeFile } from "./world.ts";

const LONG = 120_000;

const world = await startWorld();
afterAll(() => world.stop(), LONG);
const { fast } = world.sources;

/** A package with the agent's name and program, which notes how it is called: the agent itself is not in a package registry. */
const CTL = "opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl";
const tree = world.folder.join("agent");
writeFile(join(tree, CTL), '#!/bin/sh\necho "$*" >/var/log/agent-arguments\n');
writeFile(
  join(tree, "DEBIAN/control"),
  "Package: amazon-cloudwatch-agent\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: stands in\n",
);
const web = world.folder.join("web");
runTool(["chmod", "755", join(tree, CTL)], "coreutils");
runTool(["dpkg-deb", "--build", "--root-owner-group", tree, join(web, "agent.deb")], "Debian package dpkg");

const home = world.folder.join("gnupg");
runTool(["mkdir", "--mode=700", home], "coreutils");
const gpg = (...command: string[]) =>
  runTool(["gpg", "--homedir", home, "--batch", "--passphrase", "", ...command], "Debian package gpg");
gpg("--quick-generate-key", "agent", "ed25519", "sign", "never");
gpg("--output", join(web, "agent.sig"), "--detach-sign", join(web, "agent.deb"));
gpg("--output", join(web, "agent.key"), "--armor", "--export");
const fingerprint = readdirSync(join(home, "openpgp-revocs.d"))[0].replace(".rev", "");
const agent = {
  url: `${world.web.url}/agent.deb`,
  signatureUrl: `${world.web.url}/agent.sig`,
  keyUrl: `${world.web.url}/agent.key`,
  keyFingerprint: fingerprint,
  logGroup: "/proton-beam/agent",
};
const WARNING = "warning: the CloudWatch agent is not running";

test(
  "the agent is installed with its configuration",
  async () => {
    await world.makeGroups("agent");
    const machine = await world.boot(world.settings("agent", [fast], { agent }));
    await machine.off;
    expect(machine.read("var/log/agent-arguments")).toBe(
      "-a fetch-config -m ec2 -s -c file:/opt/proton-beam/agent.json\n",
    );
    expect(world.log("agent")).not.toContain(WARNING);
    expect((await world.state("agent")).succeeded).toBe(1);
  },
  LONG,
);

test(
  "a package that the pinned key has not signed is not installed, and the run goes on",
  async () => {
    await world.makeGroups("forged");
    const forged = readFileSync(join(web, "agent.deb"));
    forged[forged.length - 1] ^= 1;
    writeFileSync(join(web, "forged.deb"), forged);
    const wrong = { ...agent, url: `${world.web.url}/forged.deb` };
    const machine = await world.boot(world.settings("forged", [fast], { agent: wrong }));
    await machine.off;
    expect(world.log("forged")).toContain(`the agent's package is not signed by the key ${fingerprint}`);
    expect(world.log("forged")).toContain(WARNING);
    expect(machine.read(CTL)).toBe("");
    expect((await world.state("forged")).succeeded).toBe(1);
  },
  LONG,
);
