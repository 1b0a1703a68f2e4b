# Whether the Git process is a `git commit` of what is staged, word by word, and its pre-commit hook, which comes next,
# stages every artifact. A message of several lines is not told from other words: that is slower, and nothing worse.
is_left_to_pre_commit() {
    [ -r "/proc/$PPID/cmdline" ] && [ -x "${f%/*}/pre-commit" ] || return 1
    # shellcheck disable=SC2154 # set by watch
    read_watch && [ -n "$cpv_stages_all" ] || return 1
    old_ifs=$IFS
    IFS='
'
    set -f
    # shellcheck disable=SC2046 # one word a line, split on purpose
    set -- $(tr '\0' '\n' <"/proc/$PPID/cmdline")
    set +f
    IFS=$old_ifs
    case $1 in git | */git) ;; *) return 1 ;; esac
    [ "$2" = commit ] || return 1
    shift 2
    while [ $# -gt 0 ]; do
        case $1 in
        -q | --quiet | -v | --verbose | -s | --signoff | --message=* | --file=*) shift ;;
        -m | -qm | -F | -qF | --message | --file) shift && shift || return 1 ;;
        *) return 1 ;;
        esac
    done
}
if managed; then
    if agreed; then
        note_answer @ASKED@
    elif is_left_to_pre_commit; then
        # One Python is enough: that hook does all of it.
        note_answer @DEFERRED@
    else
        run "$@" >&2
        # What could not be settled must be met again, by the pre-commit hook of the same Git process for one.
        [ ! -f "$state/@STAMP@" ] || note_answer @ASKED@
    fi
fi
answer "$@"
