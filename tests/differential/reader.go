// What Go's archive/tar sees of tars on standard input, each behind its length (8 bytes, big endian).
// One line each: the members as KIND:NAME:SIZE:LINK:CONTENT in hexadecimal, apart by blanks, or "refused".
package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"
)

func kind(header *tar.Header) string {
	switch header.Typeflag {
	case tar.TypeReg, tar.TypeRegA, tar.TypeCont:
		return "file"
	case tar.TypeLink:
		return "link"
	case tar.TypeSymlink:
		return "symlink"
	case tar.TypeDir:
		return "folder"
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return "special"
	case 'V':
		return "label"
	}
	return "other"
}

func members(raw []byte) string {
	var seen []string
	for reader := tar.NewReader(bytes.NewReader(raw)); ; {
		header, err := reader.Next()
		if err == io.EOF {
			return strings.Join(seen, " ")
		}
		if err != nil {
			return "refused"
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		content, err := io.ReadAll(io.LimitReader(reader, 1<<20))
		if err != nil {
			return "refused"
		}
		seen = append(seen, fmt.Sprintf("%s:%x:%d:%x:%x", kind(header), header.Name, header.Size, header.Linkname, content))
	}
}

func main() {
	in, out := bufio.NewReaderSize(os.Stdin, 1<<20), bufio.NewWriterSize(os.Stdout, 1<<20)
	defer out.Flush()
	for {
		var length uint64
		if binary.Read(in, binary.BigEndian, &length) != nil {
			return
		}
		raw := make([]byte, length)
		if _, err := io.ReadFull(in, raw); err != nil {
			return
		}
		fmt.Fprintln(out, members(raw))
	}
}
