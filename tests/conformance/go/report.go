package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	klog "k8s.io/klog/v2"
)

const (
	module   = "github.com/symblai/symbl-go-sdk"
	patience = 15 * time.Second
)

// What the SDK logs about a message that it could not decode, or does not know.
var complaints = []string{"json.Unmarshal", "Invalid PlatformMessage Type", "prettyjson.Marshal failed"}

// reporter writes one line of JSON per scenario, and reads the SDK's log.
type reporter struct {
	log *os.File
}

// scenario collects what one scenario has to say. Handlers are called on the SDK's threads.
type scenario struct {
	reporter *reporter
	mu       sync.Mutex
	handlers map[string]int
	checks   map[string]bool
	logged   strings.Builder
}

func (r *reporter) scenario(name string, body func(*scenario) error) {
	this := &scenario{reporter: r, handlers: map[string]int{}, checks: map[string]bool{}}
	began := time.Now()
	err := body(this)
	seconds := time.Since(began).Seconds()
	for _, line := range strings.Split(this.log(), "\n") {
		for _, complaint := range complaints {
			if strings.Contains(line, complaint) {
				err = fmt.Errorf("the SDK logged: %s", line)
			}
		}
	}
	this.check("the SDK could decode every message", err == nil || !strings.HasPrefix(err.Error(), "the SDK logged"))
	var problem any
	if err != nil {
		problem = strings.ReplaceAll(err.Error(), "\n", " ")
	}
	this.mu.Lock()
	defer this.mu.Unlock()
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"sdk":      "symbl-go-sdk",
		"version":  version(),
		"scenario": name,
		"handlers": this.handlers,
		"checks":   this.checks,
		"seconds":  seconds,
		"problem":  problem,
	})
}

// log is what the SDK has logged since the scenario began.
func (s *scenario) log() string {
	klog.Flush()
	io.Copy(&s.logged, s.reporter.log)
	return s.logged.String()
}

func (s *scenario) count(handler string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handlers[handler]++
}

// check takes note of an outcome; one that is checked several times has to be right every time.
func (s *scenario) check(name string, outcome bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, again := s.checks[name]
	s.checks[name] = outcome && (before || !again)
}

// same is a check that shows on standard error why it failed; all texts are made up.
func (s *scenario) same(name string, got, expected any) {
	equal := reflect.DeepEqual(got, expected)
	if !equal {
		fmt.Fprintf(os.Stderr, "%s: got %#v, expected %#v\n", name, got, expected)
	}
	s.check(name, equal)
}

func waitUntil(happened func() bool) bool {
	for end := time.Now().Add(patience); !happened(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// version is that of the SDK in this binary; a replaced one is not the official one.
func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, dependency := range info.Deps {
		if dependency.Path == module && dependency.Replace == nil {
			return strings.TrimPrefix(dependency.Version, "v")
		}
	}
	return "replaced"
}
