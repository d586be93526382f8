# What leaves this tree: an installation, an archive of the sources, a Debian package, a container image. Included by the
# Makefile.

# ---- an installation ----

# help: PREFIX=/usr/local SYSCONFDIR=/etc DESTDIR=     where install puts things
PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR    ?= $(PREFIX)/lib/systemd/system
# The program whose word the manuals, completions and schema are. It has to run here.
SAY        ?= build/staunch
BINDIR     := $(DESTDIR)$(PREFIX)/bin
LIBDIR     := $(DESTDIR)$(PREFIX)/lib
SHAREDIR   := $(DESTDIR)$(PREFIX)/share
DATADIR    := $(SHAREDIR)/staunch
UNITS      := $(wildcard deploy/systemd/*.service deploy/systemd/*.socket)
MANUALS    := man1/staunch.1 man5/staunch.yaml.5 $(patsubst %,man7/staunch-%.7,api log metrics probes)

# Files of the administrator are never replaced: the configuration and what logrotate reads.
install: build/staunch                               ## DESTDIR, PREFIX: program, units, manuals, completions, schema ...
	install -D -m 755 build/staunch $(BINDIR)/staunch
	install -d $(SHAREDIR)/bash-completion/completions $(SHAREDIR)/zsh/vendor-completions \
		$(SHAREDIR)/fish/vendor_completions.d $(SHAREDIR)/man/man1 $(SHAREDIR)/man/man5 $(SHAREDIR)/man/man7 \
		$(DATADIR)/schema $(DATADIR)/examples $(DATADIR)/grafana $(DATADIR)/prometheus \
		$(DESTDIR)$(SYSCONFDIR)/staunch/conf.d $(DESTDIR)$(SYSCONFDIR)/staunch/tls
	set -e; for page in $(MANUALS); do name=$${page#*/}; $(SAY) man "$${name%.[157]}" > $(SHAREDIR)/man/$$page; done
	$(SAY) completion bash > $(SHAREDIR)/bash-completion/completions/staunch
	$(SAY) completion zsh > $(SHAREDIR)/zsh/vendor-completions/_staunch
	$(SAY) completion fish > $(SHAREDIR)/fish/vendor_completions.d/staunch.fish
	$(SAY) schema > $(DATADIR)/schema/staunch.schema.json
	install -m 644 config/examples/*.yaml $(DATADIR)/examples
	install -m 644 deploy/grafana/staunch.json $(DATADIR)/grafana
	install -m 644 deploy/prometheus/staunch.rules.yml $(DATADIR)/prometheus
	set -e; for unit in $(UNITS); do install -d $(DESTDIR)$(UNITDIR); \
		sed 's|/usr/bin/staunch|$(PREFIX)/bin/staunch|' $$unit > $(DESTDIR)$(UNITDIR)/$${unit##*/}; done
	install -D -m 644 deploy/staunch.sysusers $(LIBDIR)/sysusers.d/staunch.conf
	[ -e $(DESTDIR)$(SYSCONFDIR)/staunch/staunch.yaml ] || \
		install -m 644 deploy/staunch.yaml $(DESTDIR)$(SYSCONFDIR)/staunch/staunch.yaml
	[ -e $(DESTDIR)$(SYSCONFDIR)/logrotate.d/staunch ] || \
		install -D -m 644 deploy/staunch.logrotate $(DESTDIR)$(SYSCONFDIR)/logrotate.d/staunch
uninstall:                                           ## remove what install put there, but for SYSCONFDIR/staunch
	rm -f $(BINDIR)/staunch $(SHAREDIR)/bash-completion/completions/staunch \
		$(SHAREDIR)/zsh/vendor-completions/_staunch $(SHAREDIR)/fish/vendor_completions.d/staunch.fish \
		$(MANUALS:%=$(SHAREDIR)/man/%) $(UNITS:deploy/systemd/%=$(DESTDIR)$(UNITDIR)/%) \
		$(LIBDIR)/sysusers.d/staunch.conf $(DESTDIR)$(SYSCONFDIR)/logrotate.d/staunch
	rm -rf $(DATADIR)

# ---- an archive of the sources ----

dist:                                                ## build/staunch-VERSION.tar.gz, of the last commit
	@mkdir -p build; version=$$(deploy/version.sh); version=$${version%+changed}; \
	git archive --format=tar --prefix="staunch-$$version/" HEAD | gzip -9n > "build/staunch-$$version.tar.gz" && \
	echo "build/staunch-$$version.tar.gz"

# ---- packages ----

# help: DEB=build/deb                                  where make deb puts the packages
DEB ?= build/deb
deb:                                                 ## Debian packages of the last commit in build/deb; its tests run
	@deploy/deb.sh $(DEB)
deb-test:                                            ## the packages of make deb on a bare Debian 12, with systemd; needs root
	deploy/deb-test.sh $(DEB)

# ---- containers ----

image:                                               ## an OCI image without a base in build/image, of the package of make deb
	@deploy/image.sh build/image
image-test:                                          ## the image under runc: no capability, read-only, PID 1; needs root
	deploy/image-test.sh
# The schemas come by npm; nothing of it is part of any build.
kubernetes-check:                                    ## every manifest in deploy/kubernetes against its schema
	@mkdir -p build/kubernetes && cp deploy/kubernetes/validate.mjs build/kubernetes
	@cd build/kubernetes && npm install --silent --no-audit --no-fund --prefix . js-yaml@5 kubernetes-models@5 \
		@kubernetes-models/prometheus-operator@6
	@node build/kubernetes/validate.mjs deploy/kubernetes/*.yaml

.PHONY: image image-test kubernetes-check

# ---- under systemd ----

systemd-test: build/staunch                          ## what the unit promises, under a systemd in namespaces; needs root
	deploy/systemd-test.sh build/staunch

.PHONY: install uninstall dist deb deb-test systemd-test
