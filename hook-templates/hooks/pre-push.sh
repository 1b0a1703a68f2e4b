# Whether a Git remote has something that it had not when CPV last looked: an earlier push, maybe without CPV.
remote_refs_moved() {
    [ -d "$common/refs/remotes" ] || return 1
    [ -f "$common/@FOLDER@/@PUSHES_CHECKED@" ] || return 0
    # The find of busybox does not know -cnewer.
    ! newer=$(find "$common/refs/remotes" -type f -cnewer "$common/@FOLDER@/@PUSHES_CHECKED@" -print -quit 2>/dev/null) || [ -n "$newer" ]
}
refs=$(cat)
# Who does not read it is nobody's fault; Git may run hooks with SIGPIPE ignored.
refs() {
    echo "$refs" 2>/dev/null
}
find_common
# Tags of an earlier push that may not have arrived are asked for even where nothing is new.
if { [ -n "$refs" ] || [ -d "$common/@FOLDER@/@SENT@" ] || remote_refs_moved; } && managed; then
    refs | run "$@" || exit
fi
alone || refs | chain "$@"
