/* SPDX-License-Identifier: Apache-2.0
 * base/template.h - Go's text/template, the language behind --format.
 *
 * Owns the parsed tree; the data is shown to it as struct value (base/value.h). The whole language: fields,
 * methods, variables, pipelines, if/else if/with/range/break/continue, define/template/block, comments, trim
 * markers, the built-in functions, and those Podman adds (join json lower pad split title truncate upper).
 * Depth of nesting, of template calls, number of steps and size of output have ceilings.
 * Errors read as Go's: `template: :1:2: executing "" at <.Foo>: can't evaluate field Foo in type ListContainer`.
 *
 * Life cycle: template_parse() -> template_execute() any number of times -> template_free().
 * Allocates: not between clone() and exec(). */
#pragma once
#include "base/buf.h"
#include "base/value.h"

struct template;
/* name: what messages call it (Podman: the command's name); may be "". ERROR_INVALID "template: NAME:LINE: reason". */
int template_parse(const char *name, const char *text, struct template **ret, struct error *err);
void template_free(struct template *t);
DEFINE_CLEANUP(struct template, template_free);
#define auto_template CLEANUP(template_free_p) struct template

/* Appends what the template prints for `dot`. On failure `out` holds what was printed until then. */
int template_execute(const struct template *t, const struct value *dot, struct buf *out, struct error *err);
/* Appends the field chains the template uses outside of strings, as written (".ID", ".State.Pid"), each once. */
int template_fields(const struct template *t, struct strv *ret, struct error *err);
/* Appends the names to complete behind `prefix` (the text of --format so far, e.g. "{{.Sta"): each a full value,
 * "{{.State." for structs, "{{.Status}}" for leaves. */
int template_complete(const struct value_type *type, const char *prefix, struct strv *ret, struct error *err);
