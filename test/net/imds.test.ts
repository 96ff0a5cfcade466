import { afterAll, expect, test } from "bun:test";
import { createSpotMonitor, metadataEndpoint, readInstance } from "../../cli/net/imds.ts";
import { startMetadataService } from "../../scripts/services/metadata-service.ts";

const service = startMetadataService(null);
afterAll(() => service.stop());

test("notices are read with a session token, which is renewed when it is refused", async () => {
  const monitor = createSpotMonitor(service.url);
  expect(await monitor.read()).toEqual({ interruption: null, rebalance: null });
  service.documents.set("events/recommendations/rebalance", '{"noticeTime":"2024-05-01T10:00:00Z"}');
  service.expireTokens();
  expect(await monitor.read()).toEqual({ interruption: null, rebalance: "2024-05-01T10:00:00Z" });
  const notice = { action: "terminate", time: "2024-05-01T10:02:00Z" };
  service.documents.set("spot/instance-action", JSON.stringify(notice));
  expect((await monitor.read()).interruption).toEqual(notice);
  expect(service.requests.filter((line) => line.startsWith("PUT"))).toHaveLength(2);
});

test("the endpoint is the one of the environment, and can be turned off", () => {
  const AWS_EC2_METADATA_SERVICE_ENDPOINT = "http://127.0.0.1:1338/";
  expect(metadataEndpoint({ AWS_EC2_METADATA_SERVICE_ENDPOINT })).toBe("http://127.0.0.1:1338");
  expect(metadataEndpoint({ AWS_EC2_METADATA_SERVICE_ENDPOINT, AWS_EC2_METADATA_DISABLED: "true" })).toBeNull();
});

test("an instance says its type, how it was bought and where it is", async () => {
  expect(await readInstance(service.url)).toBeNull();
  service.documents.set("instance-type", "c7g.4xlarge");
  service.documents.set("placement/region", "us-west-2");
  expect(await readInstance(service.url)).toEqual({ type: "c7g.4xlarge", purchase: "on-demand", region: "us-west-2" });
  service.documents.set("instance-life-cycle", "spot");
  expect(await readInstance(service.url)).toMatchObject({ purchase: "spot" });
});
