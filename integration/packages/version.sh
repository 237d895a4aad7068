#!/bin/sh
# Prints the version of a package so that dpkg and rpm sort it as it was made.
# usage: version.sh DESCRIBED EPOCH
#   DESCRIBED  what git describe --tags --always --dirty prints
#   EPOCH      time of the commit, in seconds since 1970
#
#   v1.2.3-rc1          1.2.3~rc1              before 1.2.3
#   v1.2.3, or 1.2.3    1.2.3
#   v1.2.3-4-g0123abc   1.2.3+4.g0123abc       after 1.2.3, before 1.2.4
#   0123abc             0.0.0~git20260102030405.0123abc   no tag yet: before all that have one
#   …-dirty             …+dirty                after what it was made from
set -eu

clean=${1%-dirty}
dated=0.0.0~git$(date -u -d "@$2" +%Y%m%d%H%M%S)
case $clean in
v[0-9]*.* | [0-9]*.*)
	version=$(echo "${clean#v}" | sed -E 's/-([0-9]+)-g([0-9a-f]+)$/+\1.g\2/; s/-/~/; s/-/./g')
	;;
unknown) version=$dated.unknown ;; # no git
'' | *[!0-9a-f]*)
	echo "VERSION is $1: write it as v1.2.3" >&2
	exit 1
	;;
*) version=$dated.$clean ;;
esac
[ "$clean" = "$1" ] || version=$version+dirty
echo "$version"
