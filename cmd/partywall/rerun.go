package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// repeated are the flags that decide what a run meets. A command that shows an
// attempt again has them too. Tokens are none of them: the command stands in
// reports.
var repeated = []string{
	"kubeconfig", "context", "cluster", "user", "server", "tls-server-name", "certificate-authority",
	"insecure-skip-tls-verify", "client-certificate", "client-key", "as", "as-uid", "as-group", "filename", "targets", "probe-image", "witness-key",
}

// rerun makes the command that shows an attempt again. The context is named
// even where it is the current one, which may be another by then.
func rerun(program string, flags *pflag.FlagSet, context string) func(id string) string {
	words := []string{program, "run"}
	for _, name := range repeated {
		flag := flags.Lookup(name)
		switch {
		case name == "context" && context != "":
			words = append(words, "--context", quote(context))
		case flag.Changed:
			words = append(words, again(flag)...)
		}
	}
	return func(id string) string {
		return strings.Join(append(slices.Clone(words), "--only", quote(id), "--keep"), " ")
	}
}

// again spells a flag as it was given.
func again(flag *pflag.Flag) []string {
	name := "--" + flag.Name
	if flag.Shorthand != "" {
		name = "-" + flag.Shorthand
	}
	values := []string{flag.Value.String()}
	if list, ok := flag.Value.(pflag.SliceValue); ok {
		values = list.GetSlice()
	}
	var words []string
	for _, value := range values {
		if flag.NoOptDefVal != "" {
			words = append(words, name+"="+quote(value))
		} else {
			words = append(words, name, quote(value))
		}
	}
	return words
}

// quote makes one word of a string for a POSIX shell.
func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
