/** An EC2 instance metadata service that speaks IMDSv2 (EC2 User Guide, "Instance metadata"). */
export interface MetadataService {
  url: string;
  /** Documents by their path below `/latest/meta-data/`. */
  documents: Map<string, string>;
  /** Makes all tokens given so far invalid. */
  expireTokens(): void;
  requests: string[];
  stop(): void;
}

/** Starts the service on loopback; with `credentials` the instance has a role that gives them. */
export function startMetadataService(
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } | null,
): MetadataService {
  const tokens = new Set<string>();
  const documents = new Map<string, string>();
  const requests: string[] = [];
  if (credentials !== null) {
    documents.set("iam/security-credentials/", "proton-beam-role");
    documents.set(
      "iam/security-credentials/proton-beam-role",
      JSON.stringify({
        Code: "Success",
        Type: "AWS-HMAC",
        AccessKeyId: credentials.accessKeyId,
        SecretAccessKey: credentials.secretAccessKey,
        Token: credentials.sessionToken ?? "",
        Expiration: new Date(Date.now() + 3_600_000).toISOString(),
      }),
    );
  }
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      const { pathname } = new URL(request.url);
      requests.push(`${request.method} ${pathname}`);
      if (pathname === "/latest/api/token") {
        if (request.method !== "PUT") return new Response("", { status: 405 });
        const ttl = Number(request.headers.get("x-aws-ec2-metadata-token-ttl-seconds"));
        if (!(ttl >= 1 && ttl <= 21_600)) return new Response("", { status: 400 });
        const token = crypto.randomUUID();
        tokens.add(token);
        return new Response(token, { headers: { "x-aws-ec2-metadata-token-ttl-seconds": String(ttl) } });
      }
      if (!tokens.has(request.headers.get("x-aws-ec2-metadata-token") ?? "")) return new Response("", { status: 401 });
      const prefix = "/latest/meta-data/";
      const document = pathname.startsWith(prefix) ? documents.get(pathname.slice(prefix.length)) : undefined;
      return document === undefined ? new Response("", { status: 404 }) : new Response(document);
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    documents,
    expireTokens: () => tokens.clear(),
    requests,
    stop: () => server.stop(true),
  };
}
