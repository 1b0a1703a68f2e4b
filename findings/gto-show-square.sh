#!/bin/sh
# GTO 1.10.1, installed by pip with scmrepo 3.6.2, Python 3.11: what `gto show MODEL` does grows with the square of the
# number of versions, although it reads one tag for each and prints a line for each. Versions are put in order again and
# again while the table is filled (gto/base.py), so with twice as many there are four times as many calls of that order's
# key, counted by cProfile and not by a clock. 1,000 versions take 5 to 8 s, 10,000 ten minutes.
# Seen: "100 versions: 131600 calls", "200 versions: 523200 calls".
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q gto==1.10.1 scmrepo==3.6.2
PATH=$folder/venv/bin:$PATH
export HOME="$folder"
git config --global user.name "Ada Lovelace"
git config --global user.email ada@example.com

# calls N: how often a version's place in the order is asked for, in a repository of N versions of one model.
calls() {
  git init -q -b main "$folder/$1"
  cd "$folder/$1"
  git commit -q --allow-empty -m trained
  number=1
  while [ "$number" -le "$1" ]; do
    git tag -a "model@v0.0.$number" -m "version $number"
    number=$((number + 1))
  done
  python -m cProfile -o "$folder/$1.profile" "$folder/venv/bin/gto" show model >"$folder/$1.table"
  python - "$folder/$1.profile" <<'PYTHON'
import pstats, sys
stats = pstats.Stats(sys.argv[1]).stats
print(sum(calls for (file, _, name), (_, calls, *_) in stats.items() if file.endswith("gto/base.py") and name == "<lambda>"))
PYTHON
}

few=$(calls 100)
more=$(calls 200)
echo "100 versions: $few calls"
echo "200 versions: $more calls"
test "$more" -gt $((3 * few))
