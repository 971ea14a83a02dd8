// Small tars as Go's archive/tar writes them, in the folder that is named: see README.md.
package main

import (
	"archive/tar"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	long, time := strings.Repeat("folder/", 30)+"layer.tar", time.Unix(1700000000, 0)
	for name, format := range map[string]tar.Format{
		"any": tar.FormatUnknown, "ustar": tar.FormatUSTAR, "pax": tar.FormatPAX, "gnu": tar.FormatGNU,
	} {
		file, err := os.Create(filepath.Join(os.Args[1], fmt.Sprintf("go-%s.tar", name)))
		check(err)
		writer := tar.NewWriter(file)
		headers := []*tar.Header{
			{Name: "folder/", Typeflag: tar.TypeDir, Mode: 0o755},
			{Name: "a", Typeflag: tar.TypeReg, Mode: 0o644, Size: 5},
			{Name: "l", Typeflag: tar.TypeSymlink, Mode: 0o777, Linkname: "a"},
			{Name: "h", Typeflag: tar.TypeLink, Mode: 0o644, Linkname: "a"},
			{Name: strings.Repeat("d/", 60) + "b", Typeflag: tar.TypeReg, Mode: 0o644, Size: 5},
		}
		if name != "ustar" {
			headers = append(headers,
				&tar.Header{Name: "größe", Typeflag: tar.TypeReg, Mode: 0o644, Size: 5, Uname: "müller"},
				&tar.Header{Name: long, Typeflag: tar.TypeReg, Mode: 0o644, Size: 5, Uid: 1 << 22, Gid: 1 << 22},
				&tar.Header{Name: "s", Typeflag: tar.TypeSymlink, Mode: 0o777, Linkname: long},
			)
		}
		if name == "pax" {
			headers = append([]*tar.Header{{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "c"}}},
				headers...)
		}
		for _, header := range headers {
			header.Format = format
			if header.Typeflag != tar.TypeXGlobalHeader {
				header.ModTime = time
			}
			if name == "pax" && header.Typeflag == tar.TypeReg {
				header.ModTime, header.AccessTime = time.Add(123456789), time.Add(5)
				header.PAXRecords = map[string]string{"SCHILY.xattr.user.a": "\x00\x01"}
			}
			check(writer.WriteHeader(header))
			if header.Size > 0 {
				_, err = writer.Write([]byte("hello"))
				check(err)
			}
		}
		check(writer.Close())
		check(file.Close())
	}
}
