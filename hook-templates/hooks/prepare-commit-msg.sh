# Ends the detour that pre-commit opened: what `detour.close` does, where all is as it should be. Git's own
# `symbolic-ref` would leave a line in the reflog.
end_detour() {
    { read -r kind head && read -r _ && read -r shared; } <"$state/@DETOUR@" || return 1
    [ "$kind" = ref: ] && [ -z "$shared" ] || return 1 # in a shared repository HEAD has a mode of its own
    case $head in refs/heads/*) ;; *) return 1 ;; esac
    read -r now <"$git_dir/HEAD" && [ "$now" = "ref: refs/worktree/cpv/pending" ] || return 1
    lock=$git_dir/HEAD.lock
    (set -C && : >"$lock") 2>/dev/null || return 1
    # Where `sync` takes no file the disk gets it with all else.
    if echo "ref: $head" >"$lock" && { sync "$lock" 2>/dev/null || :; } && mv -f "$lock" "$git_dir/HEAD"; then
        rm -f "$state/@DETOUR@" "$git_dir/refs/worktree/cpv/pending"
    else
        rm -f "$lock"
        return 1
    fi
}
if [ -f "$state/@DETOUR@" ] && ! end_detour; then
    run "$@" || exit
fi
chain "$@"
