// Client of the official Go SDK, as it is; its contract with the runner is in the README one folder up.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	symbl "github.com/symblai/symbl-go-sdk/pkg/client"
)

// world is what the runner tells.
type world struct {
	engine   string // host:port of an engine that speaks TLS
	audio    []byte
	expected expectation
}

type expectation struct {
	Speaker struct {
		UserID string `json:"userId"`
		Name   string `json:"name"`
	} `json:"speaker"`
	Coded struct {
		Seconds    float64  `json:"seconds"`
		Utterances []string `json:"utterances"`
		Messages   []string `json:"messages"`
		Questions  []string `json:"questions"`
		Actions    []string `json:"action_items"`
		FollowUps  []string `json:"follow_ups"`
		Trackers   []struct {
			Name       string   `json:"name"`
			Vocabulary []string `json:"vocabulary"`
		} `json:"trackers"`
		Matches map[string][]string `json:"tracker_matches"`
		Topics  []string            `json:"topics"`
	} `json:"coded"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	here, err := readWorld()
	if err != nil {
		return err
	}
	log, err := os.CreateTemp("", "symbl-*.log")
	if err != nil {
		return err
	}
	defer os.Remove(log.Name())
	defer log.Close()
	// The SDK says what it could not decode to nobody but its log, in part only at its highest levels.
	symbl.Init(symbl.SybmlInit{LogLevel: symbl.LogLevelTrace, DebugFilePath: log.Name()})
	// Where the SDK fetches its tokens; the address of the socket is an option of each client.
	os.Setenv("SYMBL_ENDPOINT", "https://"+here.engine+"/oauth2/token:generate")

	report := &reporter{log: log}
	report.scenario("wrong credentials", here.wrongCredentials)
	report.scenario("StreamClient, every callback", here.streaming)
	report.scenario("an error arrives", here.errors)
	report.scenario("StreamClient.Stop, Conversation API", here.afterStop)
	report.scenario("Management of trackers, EnableAllTrackers", here.trackers)
	return nil
}

func readWorld() (*world, error) {
	audio, err := os.ReadFile(os.Getenv("CODED_PCM"))
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(os.Getenv("EXPECTED"))
	if err != nil {
		return nil, err
	}
	here := &world{engine: os.Getenv("ENGINE_TLS_HOST"), audio: audio}
	return here, json.Unmarshal(text, &here.expected)
}
