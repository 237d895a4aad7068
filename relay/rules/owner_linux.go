package rules

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// flagOwner is NFT_TABLE_F_OWNER (linux/netfilter/nf_tables.h, since 5.12):
// only the socket that made the table may change it, `nft flush ruleset` passes
// it by, and it goes when the socket closes.
const flagOwner = 0x2

// createTable makes the empty table of a name, after deleting one of that name, in one
// transaction. The nftables library cannot set table flags, so the batch is
// ours; it goes through the library's socket, which thereby becomes the owner.
func createTable(c *netlink.Conn, name string, owned, replace bool) error {
	ae := netlink.NewAttributeEncoder()
	ae.ByteOrder = binary.BigEndian
	ae.String(unix.NFTA_TABLE_NAME, name)
	if owned {
		ae.Uint32(unix.NFTA_TABLE_FLAGS, flagOwner)
	}
	attrs, err := ae.Encode()
	if err != nil {
		return err
	}
	body := append(nfgenmsg(byte(nftables.TableFamilyINet), 0), attrs...)

	batch := []netlink.Message{batchMark(unix.NFNL_MSG_BATCH_BEGIN)}
	if replace {
		batch = append(batch, request(unix.NFT_MSG_DELTABLE, 0, body))
	}
	batch = append(batch,
		request(unix.NFT_MSG_NEWTABLE, netlink.Create|netlink.Excl, body),
		batchMark(unix.NFNL_MSG_BATCH_END))
	if _, err := c.SendMessages(batch); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	for range len(batch) - 2 {
		_, err := c.Receive()
		if owned && (errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL)) {
			return fmt.Errorf("%w: %w", errNoOwner, err)
		}
		if err != nil {
			return fmt.Errorf("create table: %w", err)
		}
	}
	return nil
}

// errNoOwner: the kernel does not know the owner flag.
var errNoOwner = errors.New("no table owner before Linux 5.12")

func request(kind uint16, flags netlink.HeaderFlags, body []byte) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{
			Type:  netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | kind),
			Flags: netlink.Request | netlink.Acknowledge | flags,
		},
		Data: body,
	}
}

func batchMark(kind netlink.HeaderType) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Type: kind, Flags: netlink.Request},
		Data:   nfgenmsg(unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES),
	}
}

// nfgenmsg is struct nfgenmsg (linux/netfilter/nfnetlink.h); the resource id is
// in network byte order.
func nfgenmsg(family byte, resource uint16) []byte {
	return []byte{family, unix.NFNETLINK_V0, byte(resource >> 8), byte(resource)}
}
