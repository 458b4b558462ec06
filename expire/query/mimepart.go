package query

import (
	"strconv"
	"strings"
)

// MIMEPart matches messages that have a part which Test matches.
type MIMEPart struct{ Test PartTest }

// PartTest is a test of a part of a message, by its Key:
//
//	AND, OR, NOT                of Parts
//	PARENT, CHILD               the part above it, or one right below it, is such that Parts[0], where there
//	                            is one, matches
//	TYPE, SUBTYPE, ENCODING, DISPOSITION, ID, MD5, LANGUAGE, LOCATION
//	                            is Value
//	PARAM, DISPOSITION PARAM    the parameter Name of Content-Type, of Content-Disposition, holds Value
//	FILENAME                    IS, BEGINS, ENDS, or CONTAINS (Name) Value
//	SIZE, DEPTH, INDEX          is, or is LARGER, SMALLER, MIN or MAX (Name), Number
type PartTest struct {
	Key, Name, Value string
	Number           int64
	Parts            []PartTest
}

// mimePart reads what is behind the key MIMEPART.
func (p *parser) mimePart(int) (Node, error) {
	test, err := p.partTest()
	return MIMEPart{test}, err
}

// notByPart are keys of doveadm's by which it finds no part, and what to use.
var notByPart = map[string]string{
	"HEADER": "HEADER", "BODY": "BODY", "TEXT": "TEXT", "DESCRIPTION": "TEXT", "SUBJECT": "TEXT", "MESSAGE-ID": "TEXT", "IN-REPLY-TO": "TEXT",
	"FROM": "TEXT", "TO": "TEXT", "CC": "TEXT", "BCC": "TEXT", "SENDER": "TEXT", "REPLY-TO": "TEXT",
	"SENTBEFORE": "SENTBEFORE", "SENTON": "SENTON", "SENTSINCE": "SENTSINCE",
}

const partKeys = "expected a key of a part: TYPE, SUBTYPE, ENCODING, PARAM, DISPOSITION, FILENAME, ID, MD5, LANGUAGE, LOCATION, SIZE, DEPTH, INDEX, PARENT, CHILD, NOT, OR or ("

func (p *parser) partTest() (t PartTest, err error) {
	if p.at == len(p.words) {
		return t, p.fail(p.at, partKeys)
	}
	if p.depth++; p.depth > MaxNesting {
		return t, p.fail(p.at, "nested more than %d deep", MaxNesting)
	}
	defer func() { p.depth-- }()
	at := p.at
	p.at++
	t.Key = strings.ToUpper(p.words[at])
	switch t.Key {
	case "(":
		t.Key = "AND"
		for p.at < len(p.words) && p.words[p.at] != ")" && err == nil {
			err = p.addPart(&t)
		}
		if p.at++; err == nil && (p.at > len(p.words) || len(t.Parts) == 0) {
			err = p.fail(min(p.at-1, len(p.words)), "expected a key of a part, and ) for the ( that is word %d", at+1)
		}
	case "NOT":
		err = p.addPart(&t)
	case "OR":
		if err = p.addPart(&t); err == nil {
			err = p.addPart(&t)
		}
	case "PARENT", "CHILD":
		return p.relative(t)
	case "SIZE":
		err = p.partNumber(&t, "LARGER", "SMALLER")
	case "DEPTH":
		err = p.partNumber(&t, "MIN", "MAX")
	case "INDEX":
		err = p.partNumber(&t)
	case "DISPOSITION", "FILENAME", "PARAM":
		err = p.named(&t)
	case "TYPE", "SUBTYPE", "ENCODING", "ID", "MD5", "LANGUAGE", "LOCATION":
		t.Value, err = p.value(at, "a text")
	default:
		if other := notByPart[t.Key]; other != "" {
			return t, p.fail(at, "not supported of a part: use %s, which looks into all parts or at the message", other)
		}
		return t, p.fail(at, partKeys)
	}
	return t, err
}

func (p *parser) addPart(t *PartTest) error {
	part, err := p.partTest()
	t.Parts = append(t.Parts, part)
	return err
}

// relative reads what is behind PARENT and CHILD: EXISTS, NOT EXISTS, or a test of it.
func (p *parser) relative(t PartTest) (PartTest, error) {
	is := func(i int, word string) bool {
		return p.at+i < len(p.words) && strings.EqualFold(p.words[p.at+i], word)
	}
	switch {
	case is(0, "EXISTS"):
		p.at++
		return t, nil
	case is(0, "NOT") && is(1, "EXISTS"):
		p.at += 2
		return PartTest{Key: "NOT", Parts: []PartTest{t}}, nil
	}
	err := p.addPart(&t)
	return t, err
}

// named reads a name and a value.
func (p *parser) named(t *PartTest) (err error) {
	at := p.at - 1
	what := map[string]string{
		"PARAM": "a parameter's name and a text", "DISPOSITION": "TYPE and a text, or PARAM, a name and a text",
		"FILENAME": "IS, BEGINS, ENDS or CONTAINS, and a text",
	}[t.Key]
	if t.Name, err = p.value(at, what); err != nil {
		return err
	}
	word := strings.ToUpper(t.Name)
	switch {
	case t.Key == "DISPOSITION" && word == "TYPE":
		t.Name = ""
	case t.Key == "DISPOSITION" && word == "PARAM":
		t.Key = "DISPOSITION PARAM"
		if t.Name, err = p.value(at, what); err != nil {
			return err
		}
	case t.Key == "FILENAME" && (word == "IS" || word == "BEGINS" || word == "ENDS" || word == "CONTAINS"):
		t.Name = word
	case t.Key != "PARAM":
		return p.fail(at+1, "expected %s", what)
	}
	t.Value, err = p.value(at, what)
	return err
}

// partNumber reads a number, and one of some words before it.
func (p *parser) partNumber(t *PartTest, words ...string) error {
	at := p.at - 1
	v, err := p.value(at, "a number")
	if err != nil {
		return err
	}
	for _, word := range words {
		if strings.EqualFold(v, word) {
			t.Name = word
			if v, err = p.value(at, "a number"); err != nil {
				return err
			}
			break
		}
	}
	if t.Number, err = strconv.ParseInt(v, 10, 64); err != nil || !isDigits(v) {
		return p.fail(p.at-1, "expected a number without a unit")
	}
	return nil
}

func (n MIMEPart) words(w *printer) {
	w.add("MIMEPART")
	n.Test.words(w)
}

func (t PartTest) words(w *printer) {
	parts := func() {
		for _, part := range t.Parts {
			part.words(w)
		}
	}
	switch t.Key {
	case "AND":
		w.add("(")
		parts()
		w.add(")")
	case "OR", "NOT":
		w.add(t.Key)
		parts()
	case "PARENT", "CHILD":
		w.add(t.Key)
		if len(t.Parts) == 0 {
			w.add("EXISTS")
		}
		parts()
	case "SIZE", "DEPTH", "INDEX":
		if w.add(t.Key); t.Name != "" {
			w.add(t.Name)
		}
		w.add(strconv.FormatInt(t.Number, 10))
	case "DISPOSITION":
		w.add(t.Key, "TYPE", t.Value)
	case "DISPOSITION PARAM":
		w.add("DISPOSITION", "PARAM", t.Name, t.Value)
	case "PARAM", "FILENAME":
		w.add(t.Key, t.Name, t.Value)
	default:
		w.add(t.Key, t.Value)
	}
}
