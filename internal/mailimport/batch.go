package mailimport

import (
	"context"
	"errors"

	"dovetail/internal/fsx"
	"dovetail/internal/mailstore"
)

// item is a message of the batch.
type item struct {
	*Message
	pending mailstore.Pending
}

// flush makes the batch durable and visible. After an error what was published counts
// only if it was flushed; otherwise the next run finds it.
func (im *Importer) flush(ctx context.Context) error {
	batch := im.batch
	im.batch = nil
	if len(batch) == 0 {
		return nil
	}
	err := im.o.Flush(ctx, unsynced(batch))
	if err == nil {
		err = im.publish(ctx, batch)
	} else {
		err = im.at(batch[0].Message.Message, err)
	}
	return errors.Join(err, im.o.Do(func() error {
		var errs []error
		for _, it := range batch {
			errs = append(errs, it.pending.Close()) // takes back what is not published
		}
		return errors.Join(errs...)
	}))
}

// publish makes messages visible whose files are flushed.
func (im *Importer) publish(ctx context.Context, batch []item) error {
	published := 0
	err := im.o.Do(func() error {
		for _, it := range batch {
			// When it was prepared, those before it did not count yet.
			err := im.o.Store.CheckQuota(ctx, im.o.Mailbox, it.Size)
			if err == nil {
				err = it.pending.Publish()
			}
			if err != nil {
				return im.at(it.Message.Message, err)
			}
			published++
		}
		return nil
	})
	if flushErr := im.o.Flush(ctx, unsynced(batch[:published])); flushErr != nil {
		return errors.Join(err, im.at(batch[0].Message.Message, flushErr))
	}
	for _, it := range batch[:published] {
		im.count(it.Message)
	}
	return err
}

// unsynced gives what has to be flushed, each directory once.
func unsynced(batch []item) (files []fsx.File) {
	names := map[string]bool{}
	for _, it := range batch {
		for _, f := range it.pending.Unsynced() {
			if !names[f.Name()] {
				names[f.Name()] = true
				files = append(files, f)
			}
		}
	}
	return files
}
