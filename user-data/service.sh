#!/bin/bash
# What proton-beam.service calls: `service.sh run|finished`.
# shellcheck source=/dev/null
. /opt/proton-beam/instance.sh

# run: becomes the converter.
run() {
  local arguments=(convert --dataset "$HOME_DIR/datasets/$DATASET.json" --output-dir "$WORK/work"
    --metrics-file "$WORK/work-metrics.log" --no-progress)
  [[ -z $OUTPUT ]] || arguments+=(--s3-output "$OUTPUT")
  [[ -z $S3_ENDPOINT ]] || arguments+=(--endpoint-url "$S3_ENDPOINT")
  [[ -z $METADATA_ENDPOINT ]] || export AWS_EC2_METADATA_SERVICE_ENDPOINT=$METADATA_ENDPOINT
  export AWS_REGION=$REGION
  exec "$HOME_DIR/bin/proton-beam" "${arguments[@]}"
}

# finished: what the end of the converter means (exit codes: 0 done, 1 failed, 2 bad usage, 75 goes on later).
finished() {
  local code=${EXIT_CODE:-none}/${EXIT_STATUS:-none} jobs
  jobs=$(systemctl list-jobs --no-legend proton-beam.service)
  say "the converter ended: $SERVICE_RESULT, $code"
  if [[ $code == exited/0 ]]; then
    transient proton-beam-end --no-block -- end Succeeded "the archive is complete"
  elif [[ $jobs == *' restart '* ]]; then
    say "the service is restarted, as after an update of the system"
  elif [[ $jobs == *' stop '* ]]; then
    # Stopped by the deadline, or with the machine: by EC2, or by a person who ended the run.
    upload_logs
    imds spot/instance-action >/dev/null || forget_start
  elif [[ $code =~ ^exited/[12]$ ]]; then
    transient proton-beam-end --no-block -- end Failed "the converter failed; its message is above and in proton-beam.log"
  elif [[ $code == exited/75 ]] && imds spot/instance-action >/dev/null; then
    say "EC2 takes this machine; the next one goes on"
    # Also when the uploads hang.
    [[ $TERMINATE != true ]] || systemd-run --quiet --on-active=60 systemctl poweroff
    upload_logs
    flush_agent
    [[ $TERMINATE != true ]] || systemctl poweroff --no-block
  elif tail -n 5 "$LOG_FILE" | grep -q 'another proton-beam is at work'; then
    say "this machine stands by until the other one is done or gone"
  elif too_often; then
    transient proton-beam-end --no-block -- end Failed "the converter ended five times in an hour ($code); why is above"
  fi
}

# Notes that the converter ended before its time; true when that is the fifth time in an hour.
too_often() {
  local before
  date +%s >>"$HOME_DIR/crashes"
  before=$(tail -n 5 "$HOME_DIR/crashes" | head -n 1)
  (($(wc -l <"$HOME_DIR/crashes") >= 5 && $(date +%s) - before < 3600))
}

"$@"
