# SPDX-License-Identifier: Apache-2.0
#
# The root of go: one program, static (pure Go) and dynamic (with C in it), with the host's Go compiler. GO names another.

GO ?= go
GO_OUT := $(BUILD)/images/go
GO_BUILD = GO111MODULE=off GOFLAGS= GOCACHE=$(abspath $(GO_OUT)/cache) $(GO) build -trimpath -buildvcs=false \
    -ldflags=-buildid= -o $(GO_OUT)/root/bin

$(GO_OUT)/root.stamp: $(addprefix images/go/,work.go static.go dynamic.go) images/hostlibs.sh
	@command -v $(GO) >/dev/null || { echo "image: no Go compiler '$(GO)'; it is in the Debian package golang-go" >&2; exit 1; }
	@rm -rf $(GO_OUT)/root
	@mkdir -p $(GO_OUT)/root/bin
	@CGO_ENABLED=0 $(GO_BUILD)/work-static images/go/work.go images/go/static.go
	@CGO_ENABLED=1 $(GO_BUILD)/work-dynamic images/go/work.go images/go/dynamic.go
	@images/hostlibs.sh $(GO_OUT)/root bin/work-dynamic
	@touch $@
