package source

import (
	"fmt"
	"io"

	"dovetail/internal/message"
)

// readMessage reads a message of at most limit bytes.
func readMessage(r io.Reader, limit int64) (*message.Message, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooBig, limit)
	}
	return message.Parse(text), nil
}
