#!/usr/bin/env bash
# What action.yml runs: `github-action.sh key` writes the cache's key to the step's outputs, `github-action.sh` does the
# rest. Without a token that may write there is no comment; the comparison is in the log and in the job's summary.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/pull-request.sh"

if [ "${1:-}" = key ]; then
  echo "cache-key=cpv-$(cache_key)" >>"$GITHUB_OUTPUT"
  exit
fi
status=0
check_pull_request "${CPV_BASE:-}" || status=1
if [ -s "$comment" ]; then
  cat "$comment" >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
  if [ -n "${CPV_PULL_REQUEST:-}" ] && [ -n "${GITHUB_TOKEN:-}" ]; then
    python3 -m cpv_hooks.accounts.git_host.pull_request_comment github "$comment"
  fi
fi
exit "$status"
