package tenancy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decoder walks a file's nodes by tables of fields and records what is wrong
// with them. Strings called where name a place as the user would:
// crossings[0].from.
type decoder struct {
	*problems
	file       *File
	budget     int            // nodes that may still be entered
	onlyListed bool           // the file names no label
	sharedLine map[string]int // of shared services, by name
}

// reader takes one value of the file.
type reader func(value *yaml.Node, where string)

// field is one that a mapping may have. One that nothing reads belongs to the
// format, but this version tests nothing by it; accepting it would promise
// something that nobody checks.
type field struct {
	name     string
	required bool
	read     reader
}

// maxAliased bounds the nodes that aliases may repeat.
const maxAliased = 10000

// enter resolves an alias and counts the node. Each node is entered once but
// for those that aliases repeat, so that a count beyond the budget tells a
// file made to explode; from there on nothing more of it is read.
func (d *decoder) enter(n *yaml.Node) (*yaml.Node, bool) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if d.budget == 0 {
		d.add(position{1, 1}, "aliases repeat more than %d values", maxAliased)
		return n, false
	}
	d.budget--
	return n, true
}

// size counts a node and all below it, aliases not followed.
func size(n *yaml.Node) int {
	total := 1
	for _, child := range n.Content {
		total += size(child)
	}
	return total
}

// object reads a mapping by its table of fields.
func (d *decoder) object(value *yaml.Node, where string, fields []field) {
	n, ok := d.enter(value)
	if !ok || !d.is(n, yaml.MappingNode, where, "a mapping of fields") {
		return
	}
	first := map[string]int{}
	meant := map[string]bool{} // by misspelt names: not missing, then
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, ok := d.enter(n.Content[i])
		if !ok || !d.isKey(key) {
			continue
		}
		if line, twice := first[key.Value]; twice {
			d.add(positionOf(key), "duplicate field %s; the first is on line %d", quote(key.Value), line)
			continue
		}
		first[key.Value] = key.Line
		if near := d.field(key, n.Content[i+1], where, fields); near != "" {
			meant[near] = true
		}
	}
	for _, f := range fields {
		if _, has := first[f.name]; f.required && !has && !meant[f.name] {
			d.add(positionOf(n), "%smissing field %q", prefix(where), f.name)
		}
	}
}

// field reads one value of a mapping by the table. Where the table does not
// have it, it returns the field that was probably meant.
func (d *decoder) field(key, value *yaml.Node, where string, fields []field) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
		if f.name == key.Value {
			d.known(f, key, value, join(where, f.name))
			return ""
		}
	}
	d.unknown(positionOf(key), "field", key.Value, names)
	return nearest(key.Value, names)
}

// known reads the value of a field that the table has.
func (d *decoder) known(f field, key, value *yaml.Node, where string) {
	switch {
	case f.read == nil:
		d.add(positionOf(key), "%s: not tested by this version of Partywall; remove it", where)
	case isNull(value):
		d.add(positionOf(key), "%s: empty; give it a value or remove it", where)
	default:
		f.read(value, where)
	}
}

// list reads a sequence that has at least one item.
func (d *decoder) list(item reader) reader {
	return func(value *yaml.Node, where string) {
		n, ok := d.enter(value)
		if !ok || !d.is(n, yaml.SequenceNode, where, "a list") {
			return
		}
		if len(n.Content) == 0 {
			d.add(positionOf(n), "%s: empty; list something or remove it", where)
		}
		for i, child := range n.Content {
			item(child, fmt.Sprintf("%s[%d]", where, i))
		}
	}
}

// text reads a string that a check, which may be nil, has nothing against.
// The check's error quotes the value itself.
func (d *decoder) text(into *string, check func(string) error) reader {
	return func(value *yaml.Node, where string) {
		n, ok := d.enter(value)
		if !ok || !d.isText(n, where) {
			return
		}
		if check != nil {
			if err := check(n.Value); err != nil {
				d.add(positionOf(value), "%s", err)
				return
			}
		}
		*into = n.Value
	}
}

// parsed reads a string that a function understands.
func parsed[T any](d *decoder, parse func(string) (T, error), keep func(T)) reader {
	return func(value *yaml.Node, where string) {
		var s string
		d.text(&s, func(s string) error {
			v, err := parse(s)
			if err == nil {
				keep(v)
			}
			return err
		})(value, where)
	}
}

// set keeps a parsed value.
func set[T any](into *T) func(T) { return func(v T) { *into = v } }

// once reads an item of a list that may have no other like it.
func once[T comparable](d *decoder, what string, parse func(string) (T, error), keep func(T, position)) reader {
	first := map[T]int{}
	return func(n *yaml.Node, where string) {
		at := positionOf(n)
		parsed(d, parse, func(v T) {
			if line, twice := first[v]; twice {
				d.add(at, "duplicate %s %s; the first is on line %d", what, quote(fmt.Sprint(v)), line)
				return
			}
			first[v] = at.line
			keep(v, at)
		})(n, where)
	}
}

// place reads a string and remembers where it stands.
func (d *decoder) place(into *string, at *position, check func(string) error) reader {
	return func(n *yaml.Node, where string) {
		*at = positionOf(n)
		d.text(into, check)(n, where)
	}
}

// checked makes a parser of a check.
func checked(check func(string) error) func(string) (string, error) {
	return func(s string) (string, error) { return s, check(s) }
}

// oneOf makes a check of a list of words.
func oneOf(what string, words ...string) func(string) error {
	return func(s string) error {
		if slices.Contains(words, s) {
			return nil
		}
		return errors.New(unknown(what, s, words))
	}
}

func (d *decoder) is(n *yaml.Node, kind yaml.Kind, where, want string) bool {
	if n.Kind == kind && !isTagged(n) {
		return true
	}
	d.add(positionOf(n), "%swant %s, got %s", prefix(where), want, describe(n))
	return false
}

func (d *decoder) isKey(n *yaml.Node) bool {
	switch {
	case n.Kind != yaml.ScalarNode:
		d.add(positionOf(n), "a field's name cannot be %s", describe(n))
	case n.Tag == "!!merge":
		d.add(positionOf(n), `merging by "<<" is not supported; spell the fields out`)
	default:
		return true
	}
	return false
}

// isText wants a string that says something. A day is one too, though YAML
// takes it for a timestamp.
func (d *decoder) isText(n *yaml.Node, where string) bool {
	day := n.Tag == "!!timestamp" && n.Style == 0
	if n.Kind != yaml.ScalarNode || (n.Tag != "!!str" && !day) {
		advice := ""
		if n.Kind == yaml.ScalarNode && n.Style == 0 && !isNull(n) {
			advice = "; put it in quotes"
		}
		d.add(positionOf(n), "%s: want a string, got %s%s", where, describe(n), advice)
		return false
	}
	if strings.TrimSpace(n.Value) == "" {
		d.add(positionOf(n), "%s: empty; give it a value or remove it", where)
		return false
	}
	return true
}

// isTagged tells a mapping or list that claims to be of a type of its own.
func isTagged(n *yaml.Node) bool {
	return n.Kind == yaml.MappingNode && n.Tag != "!!map" || n.Kind == yaml.SequenceNode && n.Tag != "!!seq"
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// describe says what a node is, in the words of the people who write them.
func describe(n *yaml.Node) string {
	switch {
	case isTagged(n):
		return "a value of type " + quote(n.Tag)
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	}
	switch n.Tag {
	case "!!str":
		return "the string " + quote(n.Value)
	case "!!int", "!!float":
		return "the number " + quote(n.Value)
	case "!!bool":
		return "the boolean " + quote(n.Value)
	case "!!timestamp":
		return "the date " + quote(n.Value)
	case "!!null":
		return "nothing"
	}
	return "a value of type " + quote(n.Tag)
}

func join(where, name string) string {
	if where == "" {
		return name
	}
	return where + "." + name
}

func prefix(where string) string {
	if where == "" {
		return ""
	}
	return where + ": "
}
