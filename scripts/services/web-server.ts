import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, type Service, startService } from "./process.ts";

/** Starts nginx on the files of `root`. Below `/whole/` it gives no ranges and 4 MB/s, below `/slow/` 1 MB/s. Its access log is `folder/access.log`. */
export async function startWebServer(root: string, folder: string): Promise<Service> {
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${join(folder, name)};`)
    .join("\n");
  const config = join(folder, "nginx.conf");
  writeFileSync(
    config,
    `daemon off; ${process.getuid?.() === 0 ? "user root;" : ""} pid ${join(folder, "nginx.pid")};
error_log ${join(folder, "error.log")};
events {}
http {
  ${paths}
  log_format line '$request_method $uri $status $http_range';
  access_log ${join(folder, "access.log")} line;
  default_type application/octet-stream;
  # A connection for each request: the fault proxy deals by connection.
  keepalive_timeout 0;
  server {
    listen 127.0.0.1:${port};
    location / { root ${root}; }
    location /whole/ { alias ${root}/; max_ranges 0; limit_rate 4m; }
    location /slow/ { alias ${root}/; limit_rate 1m; }
  }
}
`,
  );
  return startService(["nginx", "-e", join(folder, "error.log"), "-c", config], port, {
    install: "Debian package nginx-light",
  });
}
