#!/bin/bash
# What a machine does beside converting: metadata, signed requests, logs, deadline, and how a run ends.
# Sourced by the other scripts, and called as `instance.sh arm|deadline|end`.
set -uo pipefail
readonly HOME_DIR=/opt/proton-beam WORK=/var/lib/proton-beam RUN=/run/proton-beam
readonly LOG_FILE=/var/log/proton-beam-bootstrap.log
# shellcheck source=/dev/null
. "$HOME_DIR/settings.sh"
mkdir -p "$RUN"

say() { printf '%s %s\n' "$(date -u +%FT%TZ)" "$*"; }

on_ec2() { [[ -n $METADATA_ENDPOINT || $(cat /sys/class/dmi/id/sys_vendor 2>/dev/null) == "Amazon EC2" ]]; }

# imds PATH: a document of the instance metadata service, by IMDSv2.
imds() {
  on_ec2 || return
  local base=${METADATA_ENDPOINT:-http://169.254.169.254}/latest token
  token=$(curl -sSf -m 5 --retry 3 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$base/api/token") || return
  curl -sf -m 5 --retry 3 -H @<(printf 'X-aws-ec2-metadata-token: %s' "$token") "$base/meta-data/$1"
}

instance_id() {
  [[ -s "$RUN/instance-id" ]] || { imds instance-id || hostname; } >"$RUN/instance-id"
  cat "$RUN/instance-id"
}

# Sets key, secret and session: from the environment, or those of the instance's role.
credentials() {
  key=${AWS_ACCESS_KEY_ID:-} secret=${AWS_SECRET_ACCESS_KEY:-} session=${AWS_SESSION_TOKEN:-}
  [[ -z $key ]] || return 0
  local role document
  if ! role=$(imds iam/security-credentials/) || ! document=$(imds "iam/security-credentials/$role"); then
    say "there are no credentials: give the instance a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" >&2
    return 1
  fi
  field() { sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p" <<<"$document"; }
  key=$(field AccessKeyId) secret=$(field SecretAccessKey) session=$(field Token)
}

# signed SERVICE ARGUMENTS…: curl with Signature Version 4. Secrets go through a pipe: arguments are for all to see.
signed() {
  local key secret session service=$1
  shift
  credentials || return
  # curl signs it, but does not add it in all versions.
  [[ $service != s3 ]] || set -- -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@"
  curl -sS --fail-with-body --connect-timeout 10 --speed-limit 1024 --speed-time 30 \
    --aws-sigv4 "aws:amz:$REGION:$service" --config <(
      printf 'user = "%s:%s"\n' "$key" "$secret"
      [[ -z $session ]] || printf 'header = "X-Amz-Security-Token: %s"\n' "$session"
    ) "$@" || { echo && return 1; }
}

# endpoint SERVICE OVERRIDE
endpoint() {
  local domain=amazonaws.com
  [[ $REGION != cn-* ]] || domain=amazonaws.com.cn
  printf %s "${2:-https://$1.$REGION.$domain}"
}

# s3_url s3://bucket/key: its address.
s3_url() { printf '%s/%s' "$(endpoint s3 "$S3_ENDPOINT")" "${1#s3://}"; }

# query SERVICE OVERRIDE VERSION ACTION NAME=VALUE…: a call of an AWS Query API, repeated for some minutes.
query() {
  local service=$1 url parameters=(-d "Action=$4" -d "Version=$3") pair
  url=$(endpoint "$1" "$2")
  for pair in "${@:5}"; do parameters+=(--data-urlencode "$pair"); done
  signed "$service" -o /dev/null -m 30 --retry 50 --retry-delay 5 --retry-max-time 240 --retry-all-errors \
    "${parameters[@]}" "$url/"
}

# metric NAME VALUE
metric() {
  [[ -n $NAMESPACE ]] || return 0
  query monitoring "$MONITORING_ENDPOINT" 2010-08-01 PutMetricData "Namespace=$NAMESPACE" \
    "MetricData.member.1.MetricName=$1" "MetricData.member.1.Value=$2" MetricData.member.1.Unit=Count \
    MetricData.member.1.Dimensions.member.1.Name=Dataset "MetricData.member.1.Dimensions.member.1.Value=$DATASET" ||
    say "the metric $1 could not be sent"
}

# no_machines GROUP: no machine of this Auto Scaling group any more.
no_machines() {
  query autoscaling "$AUTOSCALING_ENDPOINT" 2011-01-01 SetDesiredCapacity "AutoScalingGroupName=$1" \
    DesiredCapacity=0 HonorCooldown=false ||
    say "the desired capacity of $1 could not be set to 0: it will start another machine, which tries again"
}

upload_logs() {
  [[ -n $LOGS ]] || return 0
  local file name copy=$RUN/upload
  journalctl --no-pager -o short-iso -n 5000 -u 'proton-beam*' >"$RUN/journal.log"
  for file in "$LOG_FILE" "$WORK/work/proton-beam.log" "$RUN/journal.log"; do
    # The converter's user could make it a link to what only root may read.
    [[ -s $file && ! -L $file ]] || continue
    name=$(basename "$file")
    tail -c 20000000 "$file" >"$copy"
    signed s3 -m 20 --retry 1 --retry-all-errors -T "$copy" "$(s3_url "$LOGS/$(instance_id)/${name#proton-beam-}")" ||
      say "$file could not be uploaded to $LOGS"
  done
}

# What the CloudWatch agent has read it sends within 5 seconds.
flush_agent() { [[ -z $AGENT_URL ]] || sleep 8; }

# arm: sets the timer that ends everything, by the time the run began.
arm() {
  [[ -s "$HOME_DIR/started" ]] || date +%s >"$HOME_DIR/started"
  local at=$(($(<"$HOME_DIR/started") + MAX_RUN_SECONDS)) least=$(($(date +%s) + 5))
  systemctl stop proton-beam-deadline.timer 2>/dev/null || true
  # By the calendar: whenever systemd reloads its units, it would count a span anew.
  transient proton-beam-deadline --on-calendar="@$((at > least ? at : least))" --timer-property=AccuracySec=1s -- deadline
}

# transient UNIT OPTIONS… -- ARGUMENTS…: instance.sh with these arguments, as a unit of its own.
transient() {
  local options=()
  while [[ $1 != -- ]]; do options+=("$1") && shift; done
  systemd-run --quiet --collect --unit="${options[0]}" -p "EnvironmentFile=-$RUN/environment" \
    -p "StandardOutput=append:$LOG_FILE" -p "StandardError=append:$LOG_FILE" "${options[@]:1}" "$HOME_DIR/instance.sh" "${@:2}"
}

deadline() {
  local begun
  begun=$(date -u -d "@$(<"$HOME_DIR/started")" +%FT%TZ)
  say "the deadline has come"
  systemctl stop proton-beam.service
  end Failed "the maximum run time of $MAX_RUN_SECONDS s is over (begun at $begun). What is converted is kept: a new run goes on from there. Raise maxRunHours if it needs longer."
}

# end Succeeded|Failed REASON: the first call ends the run for good.
end() {
  mkdir "$RUN/ended" 2>/dev/null || return 0
  trap stop_machine EXIT
  say "Run$1: $2"
  upload_logs
  metric "Run$1" 1
  rm -f "$HOME_DIR/crashes"
  forget_start
  flush_agent
  local group groups=("${SCALING_GROUPS[@]}")
  # This machine's own group last, because Auto Scaling then ends the machine.
  [[ -n $STANDBY || ${#groups[@]} -lt 2 ]] || groups=("${groups[1]}" "${groups[0]}")
  for group in "${groups[@]}"; do no_machines "$group"; done
  upload_logs
}

# The next machine counts its time anew; so does this one, unless it is only rebooted.
forget_start() {
  [[ $(systemctl is-system-running) == stopping ]] || rm -f "$HOME_DIR/started"
  [[ -z $LOGS ]] || signed s3 -m 30 --retry 5 --retry-all-errors -X DELETE "$(s3_url "$LOGS/run/started")" ||
    say "$LOGS/run/started could not be deleted: delete it, or the next run has less time"
}

stop_machine() {
  systemctl stop --no-block proton-beam-deadline.timer
  # Switched on again, the machine does not begin anew by itself.
  systemctl disable --quiet proton-beam.service 2>/dev/null || true
  if [[ $TERMINATE == true ]]; then systemctl poweroff --no-block; else systemctl stop --no-block proton-beam.service; fi
}

[[ ${BASH_SOURCE[0]} != "$0" ]] || "$@"
