# Snapshot, stage the pointers, run the other checks, and last of all open the one-shot detour where it is needed.
# Whether nothing is to be done for what the commit takes.
settled() {
    # A letter, a tab and the name of each file that the commit changes.
    read_watch && changes=$(git -c core.fsmonitor=false -c core.quotePath=false diff-index --cached --name-status HEAD 2>/dev/null) || return 1
    case $changes in
    *.dvc* | *dvc.lock*) no_pointer= ;;
    *) no_pointer=yes ;;
    esac
    [ -n "$no_pointer" ] && is_committed || [ -z "$(cpv_unstaged)" ] || return 1
    ! adds_something || return 1
    # What another hook will stage is not known yet.
    # shellcheck disable=SC2154 # set by watch
    if [ -n "$no_pointer" ] && alone; then note_answer @NO_POINTER@ "$cpv_id"; fi
    return 0
}

# Whether a pointer that CPV has not seen is added, or a large file, or so much that it takes Python to look.
adds_something() {
    case $changes in *"A$tab"*) ;; *) return 1 ;; esac
    old_ifs=$IFS
    IFS='
'
    set -f
    # shellcheck disable=SC2086 # one name a line, split on purpose
    set -- $changes
    set +f
    IFS=$old_ifs
    [ $# -le 100 ] || return 0
    for change; do
        shift
        case $change in
        A*.dvc | A*dvc.lock | "A$tab\""*) return 0 ;; # what Git quotes is not the name
        A*) set -- "$@" "./${change#*"$tab"}" ;;
        esac
    done
    ! large=$(exec find "$@" -prune -size +20479 -print 2>/dev/null) || [ -n "$large" ]
}

# Whether the pointers of HEAD were found to be those of the work tree, by the post-commit hook of the last commit.
is_committed() {
    read_mark @COMMITTED@ && read_head && [ "$known" = "$cpv_id $head" ]
}

tab='	'
# With no other hook to wait for, one process does both.
last=
alone && last=--last
if managed; then
    # Left by a commit that another hook stopped.
    [ ! -f "$state/@DETOUR_WANTED@" ] || rm -f "$state/@DETOUR_WANTED@"
    is_known=
    ! answered @ASKED@ || is_known=yes
    if [ -f "$state/@DETOUR@" ] || answered @DEFERRED@ || ! { [ -n "$is_known" ] || agreed; } || ! settled; then
        run $last || exit
        is_known=
    fi
    # The Git process asks once more, as it reads the index again; what could not be settled must be met again.
    [ -n "$is_known" ] || [ ! -f "$state/@STAMP@" ] || note_answer @ASKED@
fi
chain "$@" || exit
if [ -f "$state/@DETOUR_WANTED@" ]; then
    run --open-detour
fi
