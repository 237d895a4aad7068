#!/bin/sh
# After the files have gone. dpkg says "remove", "purge" or "upgrade", rpm how many stay.
set -e

case $1 in
remove | purge | 0) ;;
*) exit 0 ;;
esac

[ ! -d /run/systemd/system ] || systemctl daemon-reload || :

# Keys are the operator's. The user stays with them, or its number would go to another.
left=$(ls -A /etc/ptbrelay 2>/dev/null | tr '\n' ' ')
if [ "$1" != remove ] && [ -n "$left" ]; then
	echo "ptbrelay: kept the user ptbrelay and, in /etc/ptbrelay: $left"
fi
