#!/bin/sh
# Writes the Debian and the RPM package of a binary into a folder; for `make packages`, in
# the root of the tree.
# usage: build.sh BINARY VERSION GOARCH FOLDER
#
# SOURCE_DATE_EPOCH, else the time of the last commit, dates all that is in them: the same
# sources make the same bytes.
set -eu
umask 022

folder=$4
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null || date -r CHANGELOG.md +%s)}"

# What nfpm.yaml asks for.
BINARY=$1
PACKAGE_VERSION=$(integration/packages/version.sh "$2" "$SOURCE_DATE_EPOCH")
PACKAGE_ARCH=$3
MAINTAINER='The ptbrelay authors <ptbrelay@example.org>'
STAGE=$(mktemp -d)
trap 'rm -rf "$STAGE"' EXIT
export SOURCE_DATE_EPOCH BINARY PACKAGE_VERSION PACKAGE_ARCH MAINTAINER STAGE

# Pages and completions are printed by a binary of this machine's kind.
native=$BINARY
if ! "$native" version >/dev/null 2>&1; then
	native=$STAGE/ptbrelay
	make -s build GOOS= GOARCH= BIN="$native"
fi
"$native" man --folder "$STAGE/man"
gzip -9n "$STAGE"/man/*
mkdir "$STAGE/completion"
for shell in bash zsh fish; do
	"$native" completion $shell >"$STAGE/completion/$shell"
done

# The pages, which link to each other and to the fittings beside them.
doc=$STAGE/doc
mkdir "$doc"
cp README.md CHANGELOG.md integration/reference.yaml "$doc"
for room in bench docs grafana iptables kubernetes nftables prometheus; do
	mkdir "$doc/$room"
	find integration/$room -maxdepth 1 -type f ! -name '*.go' ! -name '*_test.*' -exec cp {} "$doc/$room" \;
done
find "$doc" -name '*.md' -exec sed -i -e 's#](integration/#](#g' -e 's#](\.\./\.\./#](../#g' {} +
# What they link to and is not installed, sources above all, is on the web.
web=https://github.com/ptbrelay/ptbrelay/blob/main
find "$doc" -name '*.md' | while read -r page; do
	grep -oE '\]\([^)#:]+' "$page" | cut -c3- | sort -u | while read -r link; do
		place=$(realpath -m "$(dirname "$page")/$link")
		[ ! -e "$place" ] || continue
		place=${place#"$doc/"}
		[ -e "$place" ] || place=integration/$place
		sed -i "s#](\($link\)\([)\#]\)#]($web/$place\2#g" "$page"
	done
done
cp "$folder/LICENCES" "$doc/copyright"
find "$doc" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
gzip -9nc >"$STAGE/changelog.gz" <<END
ptbrelay ($PACKAGE_VERSION-1) unstable; urgency=medium

  * What has changed: /usr/share/doc/ptbrelay/CHANGELOG.md

 -- $MAINTAINER  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
END

# Older ones would be installed with them.
case $PACKAGE_ARCH in
amd64) machine=x86_64 ;;
arm64) machine=aarch64 ;;
*) machine=$PACKAGE_ARCH ;;
esac
rm -f "$folder"/ptbrelay_*_"$PACKAGE_ARCH".deb "$folder"/ptbrelay-*."$machine".rpm

for kind in deb rpm; do
	GOOS='' GOARCH='' go tool -modfile=integration/packages/nfpm.mod nfpm package \
		--config integration/packages/nfpm.yaml --packager $kind --target "$folder"
done
