package maildir

import (
	"syscall"
	"time"
)

// Dovecot's rules for what deliveries that never ended left in tmp.
const (
	tmpScan = 8 * time.Hour  // a directory is looked through once in that time
	tmpKeep = 36 * time.Hour // a file unchanged for that long belongs to nobody
)

// maxTmpRemoved bounds the work that one delivery does for others.
const maxTmpRemoved = 1000

// cleanTmp removes old files from the folder's tmp directory. The access time of
// the directory, which reading it sets, tells other processes when it was done; as
// it may be mounted not to change, the cache knows it too. Nothing here may fail a
// delivery.
func (s *Store) cleanTmp(f folder) {
	dir, now := f.dir+"/tmp", s.now()
	if s.cache.cleanedSince(dir, now.Add(-tmpScan), now) {
		return
	}
	info, err := s.fs.Stat(dir)
	if err != nil {
		return
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || time.Unix(st.Atim.Unix()).After(now.Add(-tmpScan)) {
		return
	}
	entries, err := s.fs.ReadDir(dir)
	if err != nil {
		return
	}
	removed := 0
	for _, e := range entries {
		path := dir + "/" + e.Name()
		info, err := s.fs.Lstat(path)
		if err != nil || !info.Mode().IsRegular() || removed == maxTmpRemoved {
			continue
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && time.Unix(st.Ctim.Unix()).Before(now.Add(-tmpKeep)) {
			if s.fs.Remove(path) == nil {
				removed++
			}
		}
	}
	// Set it where the kernel did not (relatime, noatime).
	_ = s.fs.Chtimes(dir, now, info.ModTime())
}
