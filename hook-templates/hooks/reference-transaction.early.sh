# A plain fetch ends here: it may bring a hundred tags, one by one, and a colleague's odd tag must never fail it; and a
# commit, which makes no tag. The words of the command line run together when a shell reads them, which is enough to know
# it by.
if [ -z "$chained" ] && [ -r "/proc/$PPID/cmdline" ]; then
    read -r words <"/proc/$PPID/cmdline"
    case $words in
    gitfetch* | */git-core/gitfetch* | gitpull* | gitclone* | gitgc* | gitpack-refs* | */git-core/gitpack-refs*) exit 0 ;;
    gitcommit | gitcommit-[amqsv]* | gitcommit--*) exit 0 ;;
    esac
fi
