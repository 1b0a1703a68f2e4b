#!/usr/bin/env bash
# For a step of bitbucket-pipelines.yml, or as the entry point of a pipe's image. BITBUCKET_TOKEN, a repository's access
# token with the scope pullrequest:write, lets it comment; without one the comparison is in the log.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/pull-request.sh"

base=${CPV_BASE:-}
if [ -z "$base" ] && [ -n "${BITBUCKET_PR_DESTINATION_BRANCH:-}" ]; then
  git fetch -q --depth=1 origin "refs/heads/$BITBUCKET_PR_DESTINATION_BRANCH"
  base=$(git rev-parse FETCH_HEAD)
fi
status=0
check_pull_request "$base" || status=1
if [ -s "$comment" ] && [ -n "${BITBUCKET_PR_ID:-}" ] && [ -n "${BITBUCKET_TOKEN:-}" ]; then
  python3 -m cpv_hooks.accounts.git_host.pull_request_comment bitbucket "$comment"
fi
exit "$status"
