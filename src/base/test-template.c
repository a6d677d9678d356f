/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include <time.h>

#include "base/template.h"

/* What Go's text/template prints for the same data; a leading '!' marks an error. Where our message is better or
 * shorter than Go's, it is ours. */
static const char data[] = "{\"Name\":\"web\",\"ID\":\"0123456789abcdef\",\"N\":5,\"Neg\":-7,\"F\":1.5,\"Big\":1e+21,\"T\":true,\"Z\":0,\"E\":\"\",\"Nil\":null,\"L\":[\"a\",\"b\",\"c\"],\"M\":{\"b\":1,\"a\":\"x\",\"c\":null},\"Mix\":[1,\"x\",null,[true]],\"Obj\":{\"In\":{\"Deep\":\"d\"}},\"Empty\":[],\"EM\":{},\"U\":\"h\xc3" "\xa9" "\xc3" "\xa9" "\xe2" "\x82" "\xac" "\",\"Q\":\"a\\\"b\\\\c\\n<&>\"}";
static const struct { const char *text, *want; } cases[] = {
	{ "plain", "plain" },
	{ "{{.Name}}", "web" },
	{ "{{.Obj.In.Deep}}", "d" },
	{ "{{.Missing}}|{{.Missing.Foo}}", "<no value>|<no value>" },
	{ "{{.Nil}}", "<no value>" },
	{ "{{.L}} {{.M}} {{.Mix}} {{.Obj}} {{.Empty}} {{.EM}} {{.F}} {{.Big}} {{.N}} {{.T}}",
	  "[a b c] map[a:x b:1 c:<nil>] [1 x <nil> [true]] map[In:map[Deep:d]] [] map[] 1.5 1e+21 5 true" },
	{ "{{range .L}}<{{.}}>{{end}}", "<a><b><c>" },
	{ "{{range $i, $x := .L}}{{$i}}={{$x}},{{end}}", "0=a,1=b,2=c," },
	{ "{{range $k, $v := .M}}{{$k}}={{$v}},{{end}}", "a=x,b=1,c=<no value>," },
	{ "{{range $x := .L}}{{$x}};{{end}}", "a;b;c;" },
	{ "{{range .Empty}}x{{else}}none{{end}}", "none" },
	{ "{{range .L}}{{if eq . \"b\"}}{{continue}}{{end}}{{.}}{{end}}", "ac" },
	{ "{{range .L}}{{if eq . \"b\"}}{{break}}{{end}}{{.}}{{end}}", "a" },
	{ "{{range 3}}{{.}}{{end}}", "012" },
	{ "{{range $i := 3}}{{$i}}{{end}}", "012" },
	{ "{{range .N}}x{{end}}", "xxxxx" },
	{ "{{range .Nil}}x{{else}}nil{{end}}", "nil" },
	{ "{{range .Name}}x{{end}}", "!template: t:1:8: executing \"t\" at <.Name>: range can't iterate over web" },
	{ "{{if .T}}yes{{else}}no{{end}}", "yes" },
	{ "{{if .Z}}yes{{else if .N}}second{{else}}no{{end}}", "second" },
	{ "{{if and .T .N}}{{and .T .N}}{{end}}{{or .Z \"dflt\"}}{{not .T}}", "5dfltfalse" },
	{ "{{with .Obj}}{{.In.Deep}}{{end}}", "d" },
	{ "{{with .Nil}}x{{else with .N}}{{.}}{{else}}z{{end}}", "5" },
	{ "{{with $x := .Obj.In}}{{$x.Deep}}{{$.Name}}{{end}}", "dweb" },
	{ "{{$x := 1}}{{$x}}{{$x = 2}}{{$x}}{{if true}}{{$x = 3}}{{$x := 9}}{{end}}{{$x}}", "123" },
	{ "{{- \" a \" -}}   b  {{- /* c */ -}}  x", " a bx" },
	{ "a {{- .Name -}} b", "awebb" },
	{ "{{/* comment */}}x", "x" },
	{ "{{\"\\n\"}}{{`raw\\n`}}{{\"\\u00e9\\x41\\101\\t\"}}{{'a'}}{{'\\n'}}",
	  "\nraw\\n\xc3" "\xa9" "AA\t9710" },
	{ "{{1}} {{-1}} {{+1}} {{0x1F}} {{0b11}} {{0o17}} {{017}} {{1_000}} {{1.5}} {{1e3}} {{.5}} {{1e100}} {{100000000.0}} {{1.0}}",
	  "1 -1 1 31 3 15 15 1000 1.5 1000 0.5 1e+100 1e+08 1" },
	{ "{{true}}{{false}}", "truefalse" },
	{ "{{nil}}", "!template: t:1:2: executing \"t\" at <nil>: nil is not a command" },
	{ "{{len .L}}{{len .Name}}{{len .M}}{{.L | len}}", "3333" },
	{ "{{len .N}}", "!template: t:1:2: executing \"t\" at <len .N>: error calling len: len of type int" },
	{ "{{len .Nil}}",
	  "!template: t:1:2: executing \"t\" at <len .Nil>: error calling len: len of nil pointer" },
	{ "{{index .L 1}}{{index .M \"a\"}}{{index .Mix 3 0}}{{index .Name 0}}", "bxtrue119" },
	{ "{{index .L 3}}",
	  "!template: t:1:2: executing \"t\" at <index .L 3>: error calling index: index out of range: 3" },
	{ "{{index .L -1}}",
	  "!template: t:1:2: executing \"t\" at <index .L -1>: error calling index: index out of range: -1" },
	{ "{{index .M 1}}",
	  "!template: t:1:2: executing \"t\" at <index .M 1>: error calling index: value has type int; should be string" },
	{ "{{index .L \"x\"}}",
	  "!template: t:1:2: executing \"t\" at <index .L \"x\">: error calling index: cannot index slice/array with type string" },
	{ "{{index .M \"zz\"}}|", "<no value>|" },
	{ "{{index .Obj \"In\" \"Deep\"}}", "d" },
	{ "{{index .Nil 1}}",
	  "!template: t:1:2: executing \"t\" at <index .Nil 1>: error calling index: index of untyped nil" },
	{ "{{slice .Name 1}}{{slice .Name 0 2}}{{slice .L 1}}{{slice .L 0 2}}{{slice .L}}{{slice .L 0 1 2}}",
	  "ebwe[b c][a b][a b c][a]" },
	{ "{{slice .Name 5}}",
	  "!template: t:1:2: executing \"t\" at <slice .Name 5>: error calling slice: index out of range: 5" },
	{ "{{slice .Name 2 1}}",
	  "!template: t:1:2: executing \"t\" at <slice .Name 2 1>: error calling slice: invalid slice index: 2 > 1" },
	{ "{{slice .N 1}}",
	  "!template: t:1:2: executing \"t\" at <slice .N 1>: error calling slice: can't slice item of type int" },
	{ "{{eq .N 5}}{{eq .Name \"web\"}}{{eq .N 1 2 5}}{{ne .N 5}}{{lt .N 6}}{{le 5 .N}}{{gt .N 5}}{{ge .N 5}}{{lt \"a\" \"b\"}}{{eq .T true}}",
	  "truetruetruefalsetruetruefalsetruetruetrue" },
	{ "{{eq .N \"5\"}}",
	  "!template: t:1:2: executing \"t\" at <eq .N \"5\">: error calling eq: incompatible types for comparison: int and string" },
	{ "{{eq .L .L}}",
	  "!template: t:1:2: executing \"t\" at <eq .L .L>: error calling eq: non-comparable type []interface {}" },
	{ "{{lt .T true}}",
	  "!template: t:1:2: executing \"t\" at <lt .T true>: error calling lt: invalid type for comparison" },
	{ "{{eq .Nil nil}}{{eq .Missing nil}}{{eq .N nil}}", "truetruefalse" },
	{ "{{lt .N 1.5}}",
	  "!template: t:1:2: executing \"t\" at <lt .N 1.5>: error calling lt: incompatible types for comparison: int and float64" },
	{ "{{eq 1.5 .F}}", "true" },
	{ "{{print .N .N .Name .Name .T}}|{{print 1 2 \"a\" 3}}|{{println .Name .N}}",
	  "5 5webwebtrue|1 2a3|web 5\n" },
	{ "{{printf \"%s %d %v %q\" .Name .N .L .Name}}", "web 5 [a b c] \"web\"" },
	{ "{{printf \"%5d|%-5d|%05d|%+d|%x|%X|%o|%b|%c|%U|%#x|%#o\" .N .N .N .N 255 255 8 5 65 0x1F600 255 8}}",
	  "    5|5    |00005|+5|ff|FF|10|101|A|U+1F600|0xff|010" },
	{ "{{printf \"%10s|%-10s|%.2s|%10.2s|%q|%x|% x|%#x|%X\" .Name .Name .Name .Name .Q .Name .Name .Name .Name}}",
	  "       web|web       |we|        we|\"a\\\"b\\\\c\\n<&>\"|776562|77 65 62|0x776562|776562" },
	{ "{{printf \"%6.2f|%-8.3f|%08.3f|%e|%g|%G|%.3g|%v|%+v|%.1f\" 3.14159 2.5 2.5 1234.5678 1e21 1e-7 1234.5678 2.0 2.0 0.05}}",
	  "  3.14|2.500   |0002.500|1.234568e+03|1e+21|1E-07|1.23e+03|2|2|0.1" },
	{ "{{printf \"%t %v %5t %-7t|\" true false true false}}", "true false  true false  |" },
	{ "{{printf \"%v %+v %s %d\" .M .M .L .L}}",
	  "map[a:x b:1 c:<nil>] map[a:x b:1 c:<nil>] [a b c] [%!d(string=a) %!d(string=b) %!d(string=c)]" },
	{ "{{printf \"%T %T %T %T %T\" .N .Name .F .T .Nil}}", "int string float64 bool <nil>" },
	{ "{{printf \"%d\" .Name}}|{{printf \"%s\" .N}}|{{printf \"%z\" .N}}|{{printf \"%!\"}}|{{printf \"%d\"}}|{{printf \"x\" 1 \"a\"}}|{{printf \"%\"}}",
	  "%!d(string=web)|%!s(int=5)|%!z(int=5)|%!!(MISSING)|%!d(MISSING)|x%!(EXTRA int=1, string=a)|%!(NOVERB)" },
	{ "{{printf \"%*d|%-*d|%.*f\" 5 42 5 42 2 3.14159}}", "   42|42   |3.14" },
	{ "{{printf \"%[2]d %[1]d\" 1 2}}|{{printf \"%[3]d\" 1}}", "2 1|%!d(BADINDEX)" },
	{ "{{printf \"%v\" .Nil}}{{printf \"%s\" .Nil}}{{printf \"%d\" .Nil}}", "<nil>%!s(<nil>)%!d(<nil>)" },
	{ "{{printf \"%q\" .L}}{{printf \"%5s\" .L}}{{printf \"%q\" 65}}{{printf \"%%\"}}",
	  "[\"a\" \"b\" \"c\"][    a     b     c]'A'%" },
	{ "{{printf \"%6s|%-6s|%06d|%+.2e|% d\" .U .U -42 12345.678 42}}",
	  "  h\xc3" "\xa9" "\xc3" "\xa9" "\xe2" "\x82" "\xac" "|h\xc3" "\xa9" "\xc3" "\xa9" "\xe2" "\x82" "\xac" "  |-00042|+1.23e+04| 42" },
	{ "{{printf \"%.3d|%8.3d|%-8.3d|%+.3d\" 5 5 5 5}}", "005|     005|005     |+005" },
	{ "{{html .Q}}|{{js .Q}}|{{urlquery \"a b&c/d?\xc3" "\xa9" "~\"}}|{{.Q | html}}",
	  "a&#34;b\\c\n&lt;&amp;&gt;|a\\\"b\\\\c\\u000A\\u003C\\u0026\\u003E|a+b%26c%2Fd%3F%C3%A9~|a&#34;b\\c\n&lt;&amp;&gt;" },
	{ "{{call .N}}",
	  "!template: t:1:2: executing \"t\" at <call .N>: error calling call: non-function of type int" },
	{ "{{join .L \",\"}}{{upper .Name}}{{lower \"ABC\"}}{{title \"hello big_world it's a-b\"}}{{split \"a,b,c\" \",\"}}{{pad \"x\" 2 3}}|{{truncate .ID 4}}|{{pad \"\" 2 2}}",
	  "a,b,cWEBabcHello Big_world It'S A-B[a b c]  x   |0123|" },
	{ "{{json .}}",
	  "{\"Big\":1e+21,\"E\":\"\",\"EM\":{},\"Empty\":[],\"F\":1.5,\"ID\":\"0123456789abcdef\",\"L\":[\"a\",\"b\",\"c\"],\"M\":{\"a\":\"x\",\"b\":1,\"c\":null},\"Mix\":[1,\"x\",null,[true]],\"N\":5,\"Name\":\"web\",\"Neg\":-7,\"Nil\":null,\"Obj\":{\"In\":{\"Deep\":\"d\"}},\"Q\":\"a\\\"b\\\\c\\n<&>\",\"T\":true,\"U\":\"h\xc3" "\xa9" "\xc3" "\xa9" "\xe2" "\x82" "\xac" "\",\"Z\":0}" },
	{ "{{json .L}}{{.M | json}}{{json \"a<b\"}}{{json 1.5}}{{json nil}}",
	  "[\"a\",\"b\",\"c\"]{\"a\":\"x\",\"b\":1,\"c\":null}\"a<b\"1.5null" },
	{ "{{split \"\" \"\"}}{{split \"abc\" \"\"}}{{split \"\" \",\"}}{{len (split \"a,b,\" \",\")}}",
	  "[][a b c][]3" },
	{ "{{define \"x\"}}[{{.}}]{{end}}{{template \"x\" .Name}}{{template \"x\"}}", "[web][<no value>]" },
	{ "{{block \"b\" .Name}}<{{.}}>{{end}}{{template \"b\" 3}}", "<web><3>" },
	{ "{{define \"a\"}}{{end}}{{define \"a\"}}x{{end}}", "!template: t:1: multiple definition of template \"a\"" },
	{ "{{html .Missing}} {{printf \"% v|% d\" 1.5 5}}", "&lt;no value&gt;  1.5| 5" },
	{ "{{template \"none\"}}",
	  "!template: t:1:2: executing \"t\" at <template>: template \"none\" not defined" },
	{ "{{define \"r\"}}{{template \"r\"}}{{end}}x", "x" },
	{ "{{(index .M \"a\") | upper}}{{(.Obj).In.Deep}}{{(.Obj.In).Deep}}{{(\"x\")}}", "Xddx" },
	{ "{{.Name.Foo}}",
	  "!template: t:1:7: executing \"t\" at <.Name.Foo>: can't evaluate field Foo in type string" },
	{ "{{.N.Foo}}", "!template: t:1:4: executing \"t\" at <.N.Foo>: can't evaluate field Foo in type int" },
	{ "{{$.Name}}{{$}}x",
	  "webmap[Big:1e+21 E: EM:map[] Empty:[] F:1.5 ID:0123456789abcdef L:[a b c] M:map[a:x b:1 c:<nil>] Mix:[1 x <nil> [true]] N:5 Name:web Neg:-7 Nil:<nil> Obj:map[In:map[Deep:d]] Q:a\"b\\c\n<&> T:true U:h\xc3" "\xa9" "\xc3" "\xa9" "\xe2" "\x82" "\xac" " Z:0]x" },
	{ "{{$y}}", "!template: t:1: undefined variable \"$y\"" },
	{ "{{foo}}", "!template: t:1: function \"foo\" not defined" },
	{ "{{.Name", "!template: t:1: unclosed action" },
	{ "{{if}}x{{end}}", "!template: t:1: missing value for if" },
	{ "{{if .T}}x", "!template: t:1: unexpected EOF" },
	{ "{{end}}", "!template: t:1: unexpected {{end}}" },
	{ "{{else}}", "!template: t:1: unexpected {{else}}" },
	{ "{{range}}{{end}}", "!template: t:1: missing value for range" },
	{ "{{.L | .Name}}",
	  "!template: t:1:7: executing \"t\" at <.Name>: Name is not a method but has arguments" },
	{ "{{1 | 2}}", "!template: t:1: non executable command in pipeline stage 2" },
	{ "{{.Name | \"x\"}}", "!template: t:1: non executable command in pipeline stage 2" },
	{ "{{.}} | {{", "!template: t:1: unclosed action" },
	{ "{{}}", "!template: t:1: missing value for command" },
	{ "{{ | .x}}", "!template: t:1: unexpected \"|\" in command" },
	{ "{{.x | }}", "<no value>" },
	{ "{{(\"x\"}}", "!template: t:1: unclosed left paren" },
	{ "{{\"x)}}", "!template: t:1: unterminated quoted string" },
	{ "{{.a b}}", "!template: t:1: function \"b\" not defined" },
	{ "{{.Name .N}}", "!template: t:1:2: executing \"t\" at <.Name>: Name is not a method but has arguments" },
	{ "{{break}}", "!template: t:1: {{break}} outside {{range}}" },
	{ "{{range .L}}{{break .x}}{{end}}", "!template: t:1: unexpected \".x\" in {{break}}" },
	{ "{{define \"a\"}}x", "!template: t:1: unexpected EOF" },
	{ "{{define x}}{{end}}", "!template: t:1: unexpected \"x\" in define clause" },
	{ "{{if .T}}{{define \"q\"}}{{end}}{{end}}", "!template: t:1: unexpected <define> in command" },
	{ "{{template .Name}}", "!template: t:1: unexpected \".Name\" in template clause" },
	{ "{{with .T}}{{else}}{{else}}{{end}}", "!template: t:1: expected end; found {{else}}" },
	{ "{{$x, $y := .L}}", "!template: t:1: too many declarations in command" },
	{ "{{/* unclosed", "!template: t:1: unclosed comment" },
	{ "{{/* x */ y}}", "!template: t:1: comment ends before closing delimiter" },
	{ "{{.Name}}}", "web}" },
	{ "{{'ab'}}", "!template: t:1: malformed character constant: 'ab'" },
	{ "{{\"\\q\"}}", "!template: t:1: invalid syntax: \"\\q\"" },
	{ "{{.Name.}}", "!template: t:1: unexpected <.> in operand" },
	{ "{{..}}", "!template: t:1: unexpected <.> in operand" },
	{ "{{.Name,}}", "!template: t:1: unexpected \",\" in operand" },
	{ "{{$x := .Name | upper}}{{$x}}", "WEB" },
	{ "{{eq}}",
	  "!template: t:1:2: executing \"t\" at <eq>: wrong number of args for eq: want at least 1 got 0" },
	{ "{{eq 1}}",
	  "!template: t:1:2: executing \"t\" at <eq 1>: error calling eq: missing argument for comparison" },
	{ "{{len}}", "!template: t:1:2: executing \"t\" at <len>: wrong number of args for len: want 1 got 0" },
	{ "{{not}}", "!template: t:1:2: executing \"t\" at <not>: wrong number of args for not: want 1 got 0" },
	{ "{{and}}",
	  "!template: t:1:2: executing \"t\" at <and>: wrong number of args for and: want at least 1 got 0" },
	{ "{{upper 5}}",
	  "!template: t:1:2: executing \"t\" at <upper 5>: error calling upper: wrong type for value; expected string; got int" },
	{ "{{join .Name \",\"}}",
	  "!template: t:1:2: executing \"t\" at <join .Name \",\">: error calling join: wrong type for value; expected []string; got string" },
	{ "{{printf 5}}",
	  "!template: t:1:2: executing \"t\" at <printf 5>: error calling printf: wrong type for value; expected string; got int" },
	{ "{{truncate .Name \"x\"}}",
	  "!template: t:1:2: executing \"t\" at <truncate .Name \"x\">: error calling truncate: wrong type for value; expected int; got string" },
	{ "{{if not (eq .Name \"x\")}}ok{{end}}", "ok" },
	{ "{{range $i, $e := .L}}{{if $i}}, {{end}}{{$e}}{{end}}", "a, b, c" },
	{ "{{with .Missing}}x{{else}}y{{end}}", "y" },
	{ "{{range .M}}{{.}};{{end}}", "x;1;<no value>;" },
	{ "{{range $k, $_ := .M}}{{$k}}{{end}}", "abc" },
	{ "{{ .Name }}\t{{ .N }}", "web\t5" },
	{ "{{- range .L }}", "!template: t:1: unexpected EOF" },
	{ " {{.}}",
	  " map[Big:1e+21 E: EM:map[] Empty:[] F:1.5 ID:0123456789abcdef L:[a b c] M:map[a:x b:1 c:<nil>] Mix:[1 x <nil> [true]] N:5 Name:web Neg:-7 Nil:<nil> Obj:map[In:map[Deep:d]] Q:a\"b\\c\n<&> T:true U:h\xc3" "\xa9" "\xc3" "\xa9" "\xe2" "\x82" "\xac" " Z:0]" },
	{ "{{- end }}", "!template: t:1: unexpected {{end}}" },
	{ "{{or .E .Z .Nil}}|{{and .E .Z}}|{{or false 0 \"x\"}}", "<no value>||x" },
	{ "{{if or (eq .N 1) (and .T (gt .N 2))}}Y{{end}}", "Y" },
	{ "{{range .Mix}}{{.}},{{end}}", "1,x,<no value>,[true]," },
	{ "{{index .Mix 2}}", "<no value>" },
	{ "{{range $i, $c := .Mix}}{{printf \"%d:%v \" $i $c}}{{end}}", "0:1 1:x 2:<nil> 3:[true] " },
	{ "{{printf \"%v %v %v\" 1e6 1e20 123456789.0}}", "1e+06 1e+20 1.23456789e+08" },
	{ "{{print nil}}|{{print .Nil .Missing}}", "<nil>|<nil> <nil>" },
	{ "{{printf \"%s\" (print \"a\" \"b\")}}", "ab" },
	{ "{{1.}} ", "1 " },
	{ "{{0x}}", "!template: t:1: bad number syntax: \"0x\"" },
	{ "{{1a}}", "!template: t:1: bad number syntax: \"1a\"" },
	{ "{{-}}", "!template: t:1: bad number syntax: \"-\"" },
	{ "{{.Name -}} {{- .N}}", "web5" },
	{ "{{println}}|{{print}}", "\n|" },
	{ "{{printf \"%08b|%-8b|%x|%X\" 5 5 -255 \"hello\"}}", "00000101|101     |-ff|68656C6C6F" },
	{ "{{printf \"%3c|%-3c|%q|%+q|%#q\" 65 65 '\xc3" "\xa9" "' \"\xc3" "\xa9" "\" \"abc\"}}",
	  "  A|A  |'\xc3" "\xa9" "'|\"\\u00e9\"|`abc`" },
	{ "{{printf \"%#v %#v %#v\" \"a\" 1 true}}", "\"a\" 1 true" },
	{ "{{lt 1 2}}{{lt 1.5 2.5}}{{gt \"b\" \"a\"}}", "truetruetrue" },
	{ "{{if .EM}}a{{else}}b{{end}}{{if .M}}c{{end}}", "bc" },
	{ "{{else if}}", "!template: t:1: unexpected {{else}}" },
	{ "{{range .L}}{{else if .T}}{{end}}", "!template: t:1: unexpected <if> in else" },
	{ "{{with .L}}{{range .}}{{.}}{{end}}{{end}}", "abc" },
	{ "{{$a := .L}}{{range $a}}{{$a = 5}}{{.}}{{end}}{{$a}}", "abc5" },
	{ "{{ .Name | printf \"%s-%s\" \"x\" }}", "x-web" },
	{ "{{ \"a\" | printf \"%s%s\" \"b\" | upper | len }}", "2" },
	{ "{{(len .L) | printf \"%03d\"}}", "003" },
	{ "{{ printf \"%t\" 1 }}{{ printf \"%d\" 1.5 }}{{ printf \"%f\" 1 }}{{printf \"%s\" true}}",
	  "%!t(int=1)%!d(float64=1.5)%!f(int=1)%!s(bool=true)" },
	{ "{{.Name}}{{/* a */}}{{/* b */ -}}   x", "webx" },
	{ "{{ len \"\xc3" "\xa9" "\" }}{{ len .U }}", "28" },
	{ "a\n{{range .L}}\n  {{.}}\n{{- end}}\nb {{.Name.X}}",
	  "!template: t:5:9: executing \"t\" at <.Name.X>: can't evaluate field X in type string" },
	{ "{{.Name}\n}", "!template: t:1: bad character U+007D '}'" },
	{ "{{\n.Name\n}}", "web" },
};

/* "!message" or the output, owned by the caller. */
static char *render_value(const char *text, const struct value *dot)
{
	struct error err = {};
	auto_template *t = NULL;
	auto_buf out = BUF_INIT(1 << 20);
	char *ret = NULL;
	int r = template_parse("t", text, &t, &err);

	if (r == 0)
		r = template_execute(t, dot, &out, &err);
	if (r == 0)
		return buf_steal(&out);
	assert_int_equal(str_printf(&ret, &err, "!%s", err.text), 0);
	return ret;
}

static void test_template_prints_what_go_prints(void **state)
{
	struct error err = {};
	auto_json *tree = NULL;

	assert_int_equal(json_parse("data", data, strlen(data), NULL, &tree, &err), 0);
	struct value dot = value_json(tree);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autofree char *got = render_value(cases[i].text, &dot);
		if (!streq(got, cases[i].want))
			fail_msg("%s\n   got: %s\n  want: %s", cases[i].text, got, cases[i].want);
	}
}

/* ---- typed rows ---- */
struct mount {
	char *source;
	bool rw;
};
static const struct field mount_rows[] = {
	{ .json = "Source", F_STR(struct mount, source) },
	{ .json = "RW", F_BOOL(struct mount, rw) },
	{},
};

struct state {
	int64_t pid;
	struct opt_int exit_code;
};
static const struct field state_rows[] = {
	{ .json = "Pid", F_INT(struct state, pid) },
	{ .json = "ExitCode", F_OPT_INT(struct state, exit_code) },
	{},
};

struct row {
	char *id, *name;
	struct strv ports;
	struct strmap labels;
	struct state state;
	struct state *health;
	struct list mounts;
	struct numv ids;
	int64_t created, timeout;
	double cpu;
};
static const struct field row_rows[] = {
	{ .json = "Id", F_STR(struct row, id) },
	{ .json = "name", MORE(.go = "Names"), F_STR(struct row, name) },
	{ .json = "Ports", F_STRV(struct row, ports) },
	{ .json = "Labels", F_MAP(struct row, labels) },
	{ .json = "State", F_OBJECT(struct row, state, state_rows) },
	{ .json = "Health", F_OPT_OBJECT(struct row, health, struct state, state_rows) },
	{ .json = "Mounts", F_LIST(struct row, mounts, struct mount, mount_rows) },
	{ .json = "group_ids", F_NUMBERS(struct row, ids) },
	{ .json = "created_at", F_TIME(struct row, created) },
	{ .json = "Timeout", F_DURATION(struct row, timeout) },
	{ .json = "cpu_percent", F_DOUBLE(struct row, cpu) },
	{ .cli = "not-in-json", F_STR(struct row, id) },
	{},
};

static int row_status(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	const struct row *row = self;

	*ret = value_strf(c->pool, "Up (pid %d)", (int)row->state.pid);
	return 0;
}

static int row_label(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	const struct row *row = self;

	if (c->args[0].kind != VALUE_STR)
		return fail(err, ERROR_INVALID, "want a string");
	*ret = value_str(strmap_get(&row->labels, c->args[0].str.s));
	return 0;
}

static const struct value_method row_methods[] = { { "Status", row_status }, { "Label", row_label, 1, 1 }, {} };
static const struct value_type row_type = { "psReporter", row_rows, row_methods };

static struct mount row_mounts[] = { { (char *)"/a", true }, { (char *)"/b", false } };
static char *row_ports[] = { (char *)"80/tcp", (char *)"443/tcp", NULL };
static struct strmap_entry row_labels[] = { { (char *)"z", (char *)"1" }, { (char *)"app", (char *)"w" } };
static uint64_t row_ids[] = { 7, 8 };
static const struct row row = {
	.id = (char *)"abc", .name = (char *)"web", .ports = { row_ports, 2 }, .labels = { row_labels, 2 },
	.state = { .pid = 42 }, .mounts = { row_mounts, 2 }, .ids = { row_ids, 2 },
	.created = INT64_C(1136214245500000000), .timeout = INT64_C(90000000000), .cpu = 0.5,
};

static void test_template_shows_typed_rows(void **state)
{
	static const struct { const char *text, *want; } table[] = {
		{ "{{.ID}} {{.Names}} {{.Status}} {{.Label \"app\"}}|{{.Label \"none\"}}|", "abc web Up (pid 42) w||" },
		{ "{{.State.Pid}} {{.State.ExitCode}} {{.Health}}", "42 <nil> <nil>" },
		{ "{{.Labels}} {{.Labels.app}} {{.Labels.none}} {{index .Labels \"app\"}}{{index .Labels \"x\"}}",
		  "map[app:w z:1] w <no value> w" },
		{ "{{range $k, $v := .Labels}}{{$k}}={{$v}} {{end}}", "app=w z=1 " },
		{ "{{.Ports}} {{join .Ports \",\"}} {{len .Ports}} {{index .Ports 1}}", "[80/tcp 443/tcp] 80/tcp,443/tcp 2 443/tcp" },
		{ "{{range .Mounts}}{{.Source}}:{{.RW}};{{end}}{{.Mounts}}", "/a:true;/b:false;[{/a true} {/b false}]" },
		{ "{{(index .Mounts 1).Source}} {{printf \"%+v\" .State}}", "/b {Pid:42 ExitCode:<nil>}" },
		{ "{{.GroupIds}} {{.GroupIDs}} {{.CPUPercent}} {{.Timeout}} {{.Timeout.Seconds}}", "[7 8] [7 8] 0.5 1m30s 90" },
		{ "{{.CreatedAt}} {{.CreatedAt.Unix}}", "2006-01-02 15:04:05.5 +0000 UTC 1136214245" },
		{ "{{.CreatedAt.Format \"Mon Jan _2 3:04PM 2006 .000 Z07:00\"}} {{.CreatedAt.Year}}", "Mon Jan  2 3:04PM 2006 .500 Z 2006" },
		{ "{{json .State}} {{json .Mounts}} {{json .Labels}}",
		  "{\"Pid\":42} [{\"Source\":\"/a\",\"RW\":true},{\"Source\":\"/b\"}] {\"app\":\"w\",\"z\":\"1\"}" },
		{ "{{.Foo}}", "!template: t:1:2: executing \"t\" at <.Foo>: can't evaluate field Foo in type psReporter" },
		{ "{{.State.Foo}}", "!template: t:1:8: executing \"t\" at <.State.Foo>: can't evaluate field Foo in type struct" },
		{ "{{.name}}", "!template: t:1:2: executing \"t\" at <.name>: can't evaluate field name in type psReporter" },
		{ "{{.Health.Pid}}", "!template: t:1:9: executing \"t\" at <.Health.Pid>: nil pointer evaluating Pid" },
		{ "{{.Label}}", "!template: t:1:2: executing \"t\" at <.Label>: wrong number of args for Label: want 1 got 0" },
		{ "{{.ID 1}}", "!template: t:1:2: executing \"t\" at <.ID>: ID has arguments but cannot be invoked as function" },
		{ "{{.Label 5}}", "!template: t:1:2: executing \"t\" at <.Label>: want a string" },
	};
	struct value dot = value_struct(&row_type, &row);

	setenv("TZ", "UTC", 1);
	tzset();
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		autofree char *got = render_value(table[i].text, &dot);
		if (!streq(got, table[i].want))
			fail_msg("%s\n   got: %s\n  want: %s", table[i].text, got, table[i].want);
	}
}

static void test_template_lists_of_structs(void **state)
{
	const void *pointers[] = { &row, &row };
	struct value list = value_structs(&row_type, &row, 1, sizeof(row)), ptrs = value_struct_ptrs(&row_type, pointers, 2);
	autofree char *one = render_value("{{range .}}{{.ID}}{{end}}", &list);
	autofree char *two = render_value("{{range .}}{{.ID}}{{end}}{{len .}}", &ptrs);

	assert_string_equal(one, "abc");
	assert_string_equal(two, "abcabc2");
}

static void test_template_documents_stand_for_structs(void **state)
{
	static const char text[] = "{\"Id\":\"x\",\"Created\":\"2006-01-02T15:04:05Z\",\"Config\":{\"Labels\":{\"a\":\"1\"},"
				   "\"cpu_shares\":5},\"Mounts\":[{\"Source\":\"/a\"}]}";
	static const struct { const char *text, *want; } table[] = {
		{ "{{.ID}} {{.Id}} {{.Created}} {{.Created.Unix}}", "x x 2006-01-02 15:04:05 +0000 UTC 1136214245" },
		{ "{{.Config.Labels.a}} {{.Config.Labels.b}} {{.Config.CPUShares}}", "1 <no value> 5" },
		{ "{{range .Mounts}}{{.Source}}{{end}} {{json .Config}}", "/a {\"Labels\":{\"a\":\"1\"},\"cpu_shares\":5}" },
		{ "{{.Config.Nope}}",
		  "!template: t:1:9: executing \"t\" at <.Config.Nope>: can't evaluate field Nope in type InspectData" },
		{ "{{range .Mounts}}{{.Nope}}{{end}}",
		  "!template: t:1:19: executing \"t\" at <.Nope>: can't evaluate field Nope in type InspectData" },
	};
	static const char *const maps[] = { "Labels", NULL }, *const times[] = { "Created", NULL };
	static const struct value_schema schema = { "InspectData", maps, times };
	struct error err = {};
	auto_json *tree = NULL;

	assert_int_equal(json_parse("data", text, strlen(text), NULL, &tree, &err), 0);
	struct value dot = value_document(&schema, tree);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		autofree char *got = render_value(table[i].text, &dot);
		if (!streq(got, table[i].want))
			fail_msg("%s\n   got: %s\n  want: %s", table[i].text, got, table[i].want);
	}
}

static void test_template_ceilings_hold(void **state)
{
	struct value dot = value_nil();
	static const char *const endless[] = {
		"{{define \"r\"}}{{template \"r\"}}{{end}}{{template \"r\"}}",
		"{{range 100000000}}{{end}}{{range 100000000}}{{range 1000000}}{{end}}{{end}}",
		"{{range 100000000}}0123456789{{end}}",
		"{{$x := \"0123456789\"}}{{range 100}}{{$x = print $x $x}}{{end}}",
	};

	for (size_t i = 0; i < ARRAY_LEN(endless); i++) {
		autofree char *got = render_value(endless[i], &dot);
		assert_int_equal(*got, '!');
	}
	auto_buf deep = BUF_INIT(1 << 16);
	for (int i = 0; i < 1000; i++)
		buf_add_str(&deep, "{{if 1}}");
	autofree char *got = render_value(deep.data, &dot);
	assert_non_null(strstr(got, "nested too deeply"));
	auto_buf parens = BUF_INIT(1 << 16);
	buf_add_str(&parens, "{{");
	for (int i = 0; i < 1000; i++)
		buf_add_char(&parens, '(');
	autofree char *second = render_value(parens.data, &dot);
	assert_non_null(strstr(second, "nested too deeply"));
}

static void test_template_fields_are_listed(void **state)
{
	struct error err = {};
	auto_template *t = NULL;
	auto_strv fields = {};

	assert_int_equal(template_parse("t", "{{.ID}}{{if .A.B}}{{len (.C)}}{{end}}{{range .L}}{{.X}}{{end}}{{.ID}}\".no\"", &t, &err), 0);
	assert_int_equal(template_fields(t, &fields, &err), 0);
	autofree char *names = strv_join(&fields, " ");
	assert_string_equal(names, ".ID .A.B .C .L .X");
}

static void test_template_complete_table(void **state)
{
	static const struct { const char *prefix, *want; } table[] = {
		{ "{{.St", "{{.Status}} {{.State." }, { "{{.State.", "{{.State.Pid}} {{.State.ExitCode}}" },
		{ "table {{.Id}}\\t{{ .Na", "table {{.Id}}\\t{{ .Names}}" }, { "{{.Id}}", "" }, { "json", "" }, { "{{", "" },
		{ "{{.Nope.", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct error err = {};
		auto_strv names = {};
		assert_int_equal(template_complete(&row_type, table[i].prefix, &names, &err), 0);
		autofree char *got = strv_join(&names, " ");
		assert_string_equal(got, table[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_template_prints_what_go_prints),
		cmocka_unit_test(test_template_shows_typed_rows),
		cmocka_unit_test(test_template_lists_of_structs),
		cmocka_unit_test(test_template_documents_stand_for_structs),
		cmocka_unit_test(test_template_ceilings_hold),
		cmocka_unit_test(test_template_fields_are_listed),
		cmocka_unit_test(test_template_complete_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
