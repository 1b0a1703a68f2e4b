# What both CI scripts do, in the checkout of a repository, shallow or not: `check_pull_request BASE` fetches what
# CPV_FETCH names (nothing by default), compares what HEAD needs with the remote, and HEAD with BASE. What is to be the
# comment is left in the file $comment. `cache_key` names the data of HEAD.

comment=$(mktemp)
trap 'rm -f "$comment"' EXIT
export CPV_FETCH=${CPV_FETCH:-none}

cache_key() {
  git ls-tree -r HEAD | grep -E '(\.dvc|/dvc\.lock|	dvc\.lock)$' | git hash-object --stdin
}

check_pull_request() {
  base=$1 status=0
  # In a container the folder may be another user's.
  count=${GIT_CONFIG_COUNT:-0}
  export "GIT_CONFIG_KEY_$count=safe.directory" "GIT_CONFIG_VALUE_$count=$PWD" GIT_CONFIG_COUNT=$((count + 1))
  cpv install || status=1
  cpv verify HEAD | tee "$comment.verify" || status=1
  : >"$comment"
  if [ "$status" != 0 ]; then
    printf '**What this needs is not all on the remote.**\n\n```\n' >>"$comment"
    head -n 50 "$comment.verify" >>"$comment"
    printf '```\n\n' >>"$comment"
  fi
  rm -f "$comment.verify"
  if [ -n "$base" ]; then
    git cat-file -e "$base^{commit}" 2>/dev/null || git fetch -q --depth=1 origin "$base"
    cpv diff "$base" HEAD --markdown >>"$comment"
    cat "$comment"
  fi
  return "$status"
}
