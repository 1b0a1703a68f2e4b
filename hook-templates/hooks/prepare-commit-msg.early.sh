[ -n "$chained" ] || [ -f "$state/@DETOUR@" ] || exit 0
