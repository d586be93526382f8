/* make install and uninstall, and the version of an archive of the sources. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/flow/kit/control.h"

/* Installs the binary under test, and builds nothing: -o calls it up to date. */
#define MAKE(target, more) \
	"make -s -o build/staunch SAY=" \
	"\"$STAUNCH\" DESTDIR=\"$D\" PREFIX=/usr " target more

#define COMMIT "git -c user.name=a -c user.email=a@a.example commit -q"

static const char *shell(int want, const char *command)
{
	int code;
	const char *said = control_shell(&code, textf("D=%s/root; STAUNCH=%s; %s", kit_dir(), kit_binary(), command));

	if (code != want)
		kit_fail("%s ends with %d: %s", command, code, said);
	return said;
}

static bool is_installed(const char *path)
{
	return strcmp(shell(0, textf("[ -s \"$D%s\" ] && echo yes; true", path)), "yes\n") == 0;
}

/* P31: a package is made of this. The administrator's files stay as they are, at the next install and at its end. */
static void p31_install_and_uninstall(void **state)
{
	static const char *const files[] = {
		"/usr/bin/staunch", "/usr/share/man/man1/staunch.1", "/usr/share/man/man5/staunch.yaml.5",
		"/usr/share/man/man7/staunch-api.7", "/usr/share/man/man7/staunch-log.7",
		"/usr/share/man/man7/staunch-metrics.7", "/usr/share/man/man7/staunch-probes.7",
		"/usr/share/bash-completion/completions/staunch", "/usr/share/zsh/vendor-completions/_staunch",
		"/usr/share/fish/vendor_completions.d/staunch.fish", "/usr/share/staunch/schema/staunch.schema.json",
		"/usr/share/staunch/examples/minimal.yaml", "/usr/share/staunch/grafana/staunch.json",
		"/usr/share/staunch/prometheus/staunch.rules.yml", "/usr/lib/sysusers.d/staunch.conf",
		"/etc/logrotate.d/staunch", "/etc/staunch/staunch.yaml"};

	(void)state;
	shell(0, MAKE("install", ""));
	for (size_t i = 0; i < array_len(files); i++)
		if (!is_installed(files[i]))
			kit_fail("%s is not installed", files[i]);
	/* What is shipped is valid, and nobody beyond this machine can reach it. */
	shell(0, "\"$STAUNCH\" check --offline --strict \"$D/etc/staunch/staunch.yaml\"");
	assert_string_equal(shell(0, "\"$STAUNCH\" config show --effective -c \"$D/etc/staunch/staunch.yaml\" | "
				     "sed -n 's/^ *bind: *//p' | grep -v '^\"127\\.0\\.0\\.1:'; true"), "");
	shell(0, "echo '# mine' >> \"$D/etc/staunch/staunch.yaml\"; echo '# mine' > \"$D/etc/logrotate.d/staunch\"");
	shell(0, MAKE("install", ""));
	assert_string_equal(shell(0, "cd \"$D/etc\" && cat */staunch.yaml */staunch | grep -c mine"), "2\n");
	shell(0, MAKE("uninstall", ""));
	assert_string_equal(shell(0, "cd \"$D\" && find . -type f"), "./etc/staunch/staunch.yaml\n");
}

/* What version.sh says in the directory of the test, without what differs from run to run. */
static void says(const char *word, const char *want)
{
	const char *said = shell(0, textf("cd \"$D\" && deploy/version.sh %s | "
					  "sed -E 's/[0-9]{14}/TIME/; s/g[0-9a-f]+/COMMIT/'", word));

	assert_string_equal(said, want);
}

/* P31: a tarball knows its version, and Debian orders a candidate before its release. */
static void p31_an_archive_knows_its_version(void **state)
{
	(void)state;
	if (!kit_have("git"))
		skip();
	shell(0, "mkdir -p \"$D/deploy\" && cp -a deploy/VERSION deploy/version.sh \"$D/deploy\" && "
		 "cp .gitattributes \"$D\" && cd \"$D\" && git init -q && git add . && "
		 COMMIT " -m one --date=@1767225600");
	says("", "0.0.0+TIME.COMMIT\n");
	shell(0, "cd \"$D\" && git tag v1.2.0-rc1");
	says("", "1.2.0-rc1\n");
	says("debian", "1.2.0~rc1\n");
	shell(0, "cd \"$D\" && " COMMIT " -m two --allow-empty");
	says("", "1.2.0-rc1+1.COMMIT\n");
	shell(0, "cd \"$D\" && mkdir ../out && git archive HEAD | tar -x -C ../out");
	shell(0, "for w in '' debian epoch; do "
		 "[ \"$(\"$D/deploy/version.sh\" $w)\" = \"$(\"$D/../out/deploy/version.sh\" $w)\" ] || exit 1; done");
	shell(0, "echo >> \"$D/.gitattributes\"");
	says("", "1.2.0-rc1+1.COMMIT+changed\n");
	/* Neither git nor an archive of its making. */
	shell(0, "rm -rf \"$D/.git\"");
	setenv("GIT_CEILING_DIRECTORIES", kit_dir(), 1);
	says("", "0.0.0+unknown\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(p31_install_and_uninstall, kit_end),
		cmocka_unit_test_teardown(p31_an_archive_knows_its_version, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
