# The first argument is 1 where Git changed the work tree too: reset --hard, stash, checkout. A path-limited stash does
# it through `git apply`, which says 0; `git commit -- PATH` says 1 and changes nothing.
words=
[ -r "/proc/$PPID/cmdline" ] && read -r words <"/proc/$PPID/cmdline"
case $words in
gitapply* | */git-core/gitapply*) changed_files=1 ;;
gitcommit*) changed_files=0 ;;
*) changed_files=$1 ;;
esac
if [ "$changed_files" = 1 ] && managed; then
    if agreed && nothing_absent && same_pointer_files; then
        note_answer agreed
    else
        run "$@"
    fi
fi
chain "$@"
