package lmtp

import "bytes"

// decoder turns a message as sent into the message: CRLF becomes LF and, for
// DATA, the dot in front of a line that begins with one goes and a line of one dot
// ends the message (RFC 5321 section 4.5.2). The parts come in any sizes.
type decoder struct {
	dots  bool // DATA; BDAT has no dots
	state state
	size  int64 // bytes of the message with CRLF line ends, without added dots and end
	write func([]byte)
}

// state is what the decoder knows of the bytes just before the next one.
type state int

const (
	lineStart  state = iota // CRLF, or nothing
	inLine                  // anything else
	afterCR                 // CR, kept back since LF may follow
	afterDot                // a dot at the start of a line, kept back
	afterDotCR              // a dot at the start of a line and CR, both kept back
)

// decode takes the next part, which it overwrites, and writes what of the message
// it holds. It gives the number of bytes that belong to the message or its end,
// and whether the end was among them.
func (d *decoder) decode(b []byte) (n int, end bool) {
	out := b[:0] // never catches up with n: nothing gets longer
	for n < len(b) && !end {
		switch c := b[n]; d.state {
		case lineStart:
			d.state = inLine
			if d.dots && c == '.' {
				d.state = afterDot
				n++
			}
		case afterDot:
			d.state = inLine
			if c == '\r' {
				d.state = afterDotCR
				n++
			}
		case afterDotCR:
			d.state = afterCR // if this is not the end, the dot goes and CR is content or a line end
			if c == '\n' {
				d.state = lineStart
				end = true
				n++
			}
		case afterCR:
			switch {
			case c == '\n':
				out = append(out, '\n')
				d.state = lineStart
				d.size += 2
				n++
			case n == 0: // the CR was in the part before: no room for it here
				d.flush()
			default:
				out = append(out, '\r')
				d.state = inLine
				d.size++
			}
		case inLine:
			line := d.line(b[n:])
			out = append(out, line...)
			n += len(line)
			d.size += int64(len(line))
			if n < len(b) && b[n] == '\r' {
				d.state = afterCR
				n++
			}
		}
	}
	if len(out) > 0 {
		d.write(out)
	}
	return n, end
}

// line gives the start of b that is content as it is: up to the CR of a line end
// or of the end of b, or with a lone LF.
func (d *decoder) line(b []byte) []byte {
	i := bytes.IndexByte(b, '\n')
	switch {
	case i < 0 && b[len(b)-1] == '\r':
		return b[:len(b)-1]
	case i < 0:
		return b
	case i > 0 && b[i-1] == '\r':
		return b[:i-1]
	}
	return b[:i+1]
}

// flush writes a CR that was kept back, at the end of a message without dots.
func (d *decoder) flush() {
	if d.state == afterCR {
		d.state = inLine
		d.size++
		d.write([]byte{'\r'})
	}
}
