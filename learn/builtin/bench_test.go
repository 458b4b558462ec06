package builtin

import (
	"testing"

	"dovetail/internal/message"
	"dovetail/internal/peer/mailbag"
)

// BenchmarkClassify judges messages of a mailbag, all of whose tokens are in memory.
func BenchmarkClassify(b *testing.B) {
	c, raws := ready(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := c.Classify(b.Context(), "user", message.Parse(raws[i%len(raws)])); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTokens takes the tokens alone.
func BenchmarkTokens(b *testing.B) {
	bag := mailbag.New(1)
	var raws [][]byte
	for i := range 100 {
		raws = append(raws, bag.Spam(i), bag.Ham(i))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := tokensOf(message.Parse(raws[i%len(raws)])); err != nil {
			b.Fatal(err)
		}
	}
}

// ready gives a classifier that has learned 500 messages of each class, and others.
func ready(b *testing.B) (c *Classifier, raws [][]byte) {
	c = open(b, Options{})
	bag := mailbag.New(1)
	for _, r := range c.Learn(b.Context(), "user", items(b, bag, 0, size)) {
		if r.Err != nil {
			b.Fatal(r.Err)
		}
	}
	for i := size; i < size+100; i++ {
		raws = append(raws, bag.Spam(i), bag.Ham(i))
	}
	for range 3 { // until the vocabularies are in memory
		for _, raw := range raws {
			if _, err := c.Classify(b.Context(), "user", message.Parse(raw)); err != nil {
				b.Fatal(err)
			}
		}
	}
	c.memory.loads.Wait()
	return c, raws
}
