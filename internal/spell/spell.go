// Package spell finds the word that somebody may have meant.
package spell

// Nearest gives the one of words that is spelt most like word, "" when none is
// near. The first one wins.
func Nearest(word string, words []string) string {
	best, distance := "", len(word)/3+1
	for _, w := range words {
		if d := Distance(word, w); w != word && d <= distance && (best == "" || d < distance) {
			best, distance = w, d
		}
	}
	return best
}

// Distance is the number of bytes to change, add or take out, or of neighbours to
// swap, to make a of b.
func Distance(a, b string) int {
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
