/* cli_completion: scripts that complete verbs, options and words, for three shells. Generated
 * whole from the tables: a script that asks staunch at each key press was rejected, since it
 * starts a process for words that never change. */
#include <string.h>

#include "config/schema.h"
#include "proxy/cli/cli_args.h"

/* "a|b|c" as "a b c". */
static void complete_words(FILE *out, const char *words)
{
	const char *word, *before = "";
	size_t n;

	while ((n = cli_word_next(&words, &word)) > 0) {
		fprintf(out, "%s%.*s", before, (int)n, word);
		before = " ";
	}
}

static void complete_verbs(FILE *out)
{
	for (size_t i = 0; i < CLI_VERBS; i++)
		fprintf(out, "%s%s", i > 0 ? " " : "", cli_verbs[i].word);
}

/* ---- bash ---- */

/* The command that completes a value; ":" for values that cannot be guessed. */
static void bash_action(FILE *out, enum cli_kind kind, const char *words)
{
	if (kind == CLI_WORDS || kind == CLI_VERB || kind == CLI_KEY) {
		fputs("mapfile -t COMPREPLY < <(compgen -W \"", out);
		if (kind == CLI_WORDS)
			complete_words(out, words);
		else
			fputs(kind == CLI_VERB ? "$verbs" : "$keys", out);
		fputs("\" -- \"$cur\")", out);
		return;
	}
	fputs(kind == CLI_FILE || kind == CLI_SINK ? "mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")" : ":", out);
}

/* Behind an option that takes a value, the value is completed, whatever the verb: options mean
 * the same everywhere. */
static void bash_values(FILE *out)
{
	fputs("\tcase $prev in\n", out);
	for (size_t i = 0; i < CLI_OPTS; i++) {
		const struct cli_opt *o = &cli_opts[i];

		if (o->value == CLI_NOTHING)
			continue;
		fprintf(out, "\t--%s", o->word);
		if (o->letter != 0)
			fprintf(out, " | -%c", o->letter);
		if (o->also != 0)
			fprintf(out, " | -%c", o->also);
		fputs(") ", out);
		bash_action(out, o->value, o->words);
		fputs("; return ;;\n", out);
	}
	fputs("\tesac\n", out);
}

/* The branch of one verb: its options when the word begins with a dash, its operands otherwise. */
static void bash_verb(FILE *out, const struct cli_verb *v)
{
	fprintf(out, "\t%s) opts=\"", v->word);
	for (size_t i = 0; i < CLI_OPTS; i++)
		if (cli_opt_fits(&cli_opts[i], v))
			fprintf(out, " --%s", cli_opts[i].word);
	fputs("\"; [[ $cur == -* ]] || ", out);
	bash_action(out, v->max > 0 ? v->operand : CLI_NOTHING, v->words);
	fputs(" ;;\n", out);
}

/* One function, tables inside: bash has no better way. mapfile keeps words with spaces whole. */
static void put_bash(FILE *out)
{
	fputs("# bash completion for staunch\n_staunch()\n{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} opts=\n\tlocal verbs=\"",
	      out);
	complete_verbs(out);
	fputs("\" keys=\"", out);
	schema_keys(out);
	fputs("\"\n\tCOMPREPLY=()\n"
	      "\tif ((COMP_CWORD == 1)); then\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -W \"$verbs\" -- \"$cur\")\n\t\treturn\n\tfi\n",
	      out);
	bash_values(out);
	fputs("\tcase ${COMP_WORDS[1]} in\n", out);
	for (size_t i = 0; i < CLI_VERBS; i++)
		bash_verb(out, &cli_verbs[i]);
	fputs("\tesac\n\t[[ $cur == -* ]] && mapfile -t COMPREPLY < <(compgen -W \"$opts\" -- \"$cur\")\n"
	      "\treturn 0\n}\n"
	      "complete -F _staunch staunch\n", out);
}

/* ---- zsh ---- */

/* In single quotes, and with what _arguments takes for itself escaped. */
static void zsh_text(FILE *out, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\'')
			fputs("'\\'", out);
		else if (strchr("[]:\\", *s) != NULL)
			putc('\\', out);
		putc(*s, out);
	}
}

/* The action behind _arguments' colons; a space completes nothing and says so. */
static void zsh_action(FILE *out, enum cli_kind kind, const char *words)
{
	fputs(":value:", out);
	if (kind == CLI_WORDS) {
		putc('(', out);
		complete_words(out, words);
		putc(')', out);
		return;
	}
	if (kind == CLI_FILE || kind == CLI_SINK)
		fputs("_files", out);
	else if (kind == CLI_VERB)
		fputs("_staunch_verbs", out);
	else
		fputs(kind == CLI_KEY ? "_staunch_keys" : " ", out);
}

static void zsh_option(FILE *out, const struct cli_verb *v, const struct cli_opt *o)
{
	const char letters[] = {o->letter, o->also, '\0'};

	/* First each letter, then the word, all with the same text. */
	for (size_t i = 0; i <= strlen(letters); i++) {
		if (letters[i] != '\0')
			fprintf(out, " '-%c[", letters[i]);
		else
			fprintf(out, " '--%s%s[", o->word, o->value != CLI_NOTHING ? "=" : "");
		zsh_text(out, cli_opt_help(o, v));
		putc(']', out);
		if (o->value != CLI_NOTHING)
			zsh_action(out, o->value, o->words);
		putc('\'', out);
	}
}

/* _arguments does the work for a verb: options with their texts, then the operand. */
static void zsh_verb(FILE *out, const struct cli_verb *v)
{
	fprintf(out, "\t%s) _arguments", v->word);
	for (size_t i = 0; i < CLI_OPTS; i++)
		if (cli_opt_fits(&cli_opts[i], v))
			zsh_option(out, v, &cli_opts[i]);
	if (v->max > 0) {
		fputs(" '1", out);
		zsh_action(out, v->operand, v->words);
		putc('\'', out);
	}
	fputs(" ;;\n", out);
}

/* Descriptions come from the same rows as help, so the shell shows what help says. */
static void put_zsh(FILE *out)
{
	fputs("#compdef staunch\n_staunch_verbs()\n{\n\tlocal -a verbs=(\n", out);
	for (size_t i = 0; i < CLI_VERBS; i++) {
		fprintf(out, "\t\t'%s:", cli_verbs[i].word);
		zsh_text(out, cli_verbs[i].help);
		fputs("'\n", out);
	}
	fputs("\t)\n\t_describe verb verbs\n}\n_staunch_keys()\n{\n\tlocal -a keys=(${(f)\"$(cat <<'END'\n", out);
	schema_keys(out);
	fputs("END\n)\"})\n\tcompadd -a keys\n}\n_staunch()\n{\n"
	      "\tif ((CURRENT == 2)); then\n\t\t_staunch_verbs\n\t\treturn\n\tfi\n"
	      "\tshift words\n\t((CURRENT--))\n\tcase $words[1] in\n", out);
	for (size_t i = 0; i < CLI_VERBS; i++)
		zsh_verb(out, &cli_verbs[i]);
	fputs("\tesac\n}\n_staunch \"$@\"\n", out);
}

/* ---- fish ---- */

/* Inside single quotes. */
static void fish_text(FILE *out, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\'' || *s == '\\')
			putc('\\', out);
		putc(*s, out);
	}
}

/* What completes an operand or a value: files, or the words of the table. */
static void fish_arguments(FILE *out, enum cli_kind kind, const char *words)
{
	if (kind == CLI_FILE || kind == CLI_SINK) {
		fputs(" -F", out);
		return;
	}
	fputs(" -a '", out);
	if (kind == CLI_WORDS)
		complete_words(out, words);
	if (kind == CLI_VERB)
		complete_verbs(out);
	if (kind == CLI_KEY)
		schema_keys(out);
	putc('\'', out);
}

/* One line for each option of each verb: fish filters them by the verb that was typed. */
static void fish_option(FILE *out, const struct cli_verb *v, const struct cli_opt *o)
{
	fprintf(out, "complete -c staunch -n '__fish_seen_subcommand_from %s'", v->word);
	if (o->letter != 0)
		fprintf(out, " -s %c", o->letter);
	if (o->also != 0)
		fprintf(out, " -s %c", o->also);
	fprintf(out, " -l %s", o->word);
	if (o->value != CLI_NOTHING) {
		fputs(" -r", out);
		fish_arguments(out, o->value, o->words);
	}
	fputs(" -d '", out);
	fish_text(out, cli_opt_help(o, v));
	fputs("'\n", out);
}

/* The verb itself, its options, its operand. */
static void fish_verb(FILE *out, const struct cli_verb *v)
{
	fprintf(out, "complete -c staunch -n __fish_use_subcommand -a %s -d '", v->word);
	fish_text(out, v->help);
	fputs("'\n", out);
	for (size_t i = 0; i < CLI_OPTS; i++)
		if (cli_opt_fits(&cli_opts[i], v))
			fish_option(out, v, &cli_opts[i]);
	if (v->max == 0)
		return;
	fprintf(out, "complete -c staunch -n '__fish_seen_subcommand_from %s'", v->word);
	fish_arguments(out, v->operand, v->words);
	putc('\n', out);
}

/* -f first: no file is offered where a verb is wanted. */
static void put_fish(FILE *out)
{
	fputs("# fish completion for staunch\ncomplete -c staunch -f\n", out);
	for (size_t i = 0; i < CLI_VERBS; i++)
		fish_verb(out, &cli_verbs[i]);
}

int cli_completion(const struct cli_args *a)
{
	static const struct shell {
		const char *name;
		void (*put)(FILE *out);
	} shells[] = {{"bash", put_bash}, {"zsh", put_zsh}, {"fish", put_fish}};

	for (size_t i = 0; i < array_len(shells); i++)
		if (strcmp(shells[i].name, a->operands[0]) == 0)
			shells[i].put(stdout);
	return EXIT_OK;
}
