package host

import (
	"errors"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxTCX is BPF_MPROG_MAX of linux/bpf_mprog.h: how many tcx programs a link has
// at most.
const maxTCX = 64

// programQuery is what BPF_PROG_QUERY takes (union bpf_attr in linux/bpf.h).
type programQuery struct {
	interfaceIndex uint32
	attachType     uint32
	_              [2]uint32
	ids            uint64 // address of 32-bit numbers
	count          uint32
	_              uint32
	_              [4]uint64
}

// readTCX asks which tcx programs a link has at ingress, in their order.
func readTCX(index int) ([]Program, error) {
	var ids [maxTCX]uint32
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&ids)
	q := programQuery{
		interfaceIndex: uint32(index), attachType: unix.BPF_TCX_INGRESS,
		ids: uint64(uintptr(unsafe.Pointer(&ids))), count: maxTCX,
	}
	_, err := callBPF(unix.BPF_PROG_QUERY, unsafe.Pointer(&q), unsafe.Sizeof(q))
	if hasNoTCX(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var programs []Program
	for _, id := range ids[:min(q.count, maxTCX)] {
		programs = append(programs, Program{Interface: index, Kind: kindTCX, Name: programName(id), ID: id})
	}
	return programs, nil
}

// hasNoTCX: kernels before 6.6, and those built without, know no such place
// (EINVAL) or not even the system call (ENOSYS); a link may have gone (ENODEV).
func hasNoTCX(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENODEV)
}

// programName is the name that a program was loaded with: "" where there is none,
// or the kernel does not tell, for it does so only with CAP_SYS_ADMIN.
func programName(id uint32) string {
	// What BPF_PROG_GET_FD_BY_ID takes.
	byID := struct{ id, next, flags uint32 }{id: id}
	fd, err := callBPF(unix.BPF_PROG_GET_FD_BY_ID, unsafe.Pointer(&byID), unsafe.Sizeof(byID))
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	// The head of struct bpf_prog_info, and what BPF_OBJ_GET_INFO_BY_FD takes.
	var info struct {
		_    [64]byte
		name [unix.BPF_OBJ_NAME_LEN]byte
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&info)
	byFD := struct {
		fd, length uint32
		info       uint64
	}{uint32(fd), uint32(unsafe.Sizeof(info)), uint64(uintptr(unsafe.Pointer(&info)))}
	_, err = callBPF(unix.BPF_OBJ_GET_INFO_BY_FD, unsafe.Pointer(&byFD), unsafe.Sizeof(byFD))
	if err != nil {
		return ""
	}
	return unix.ByteSliceToString(info.name[:])
}

// callBPF is bpf(2).
func callBPF(command int, attribute unsafe.Pointer, size uintptr) (int, error) {
	r, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(command), uintptr(attribute), size)
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}
