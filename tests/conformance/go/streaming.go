package main

import (
	"context"
	"errors"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	streaming "github.com/symblai/symbl-go-sdk/pkg/api/streaming/v1/interfaces"
	symbl "github.com/symblai/symbl-go-sdk/pkg/client"
	interfaces "github.com/symblai/symbl-go-sdk/pkg/client/interfaces"
)

const chunkBytes = 2048

// request of the protocol, for what the SDK has no method for.
type request struct {
	Type string `json:"type"`
}

// wrongCredentials are refused before there is a socket.
func (w *world) wrongCredentials(this *scenario) error {
	right := os.Getenv("APP_SECRET")
	os.Setenv("APP_SECRET", "wrong")
	defer os.Setenv("APP_SECRET", right)
	began := time.Now()
	_, err := w.client(&listener{this: this}, w.config())
	var status *interfaces.StatusError
	this.check("they are refused with 401", errors.As(err, &status) && status.Resp.StatusCode == 401)
	this.check("at once", time.Since(began) < patience)
	return nil
}

// streaming has everything switched on, and stays until the end, which Stop of the SDK does not.
func (w *world) streaming(this *scenario) error {
	ear := &listener{this: this}
	client, err := w.start(ear, w.config())
	if err != nil {
		return err
	}
	defer client.Stop()
	if err := w.say(client); err != nil {
		return err
	}
	if err := client.WriteJSON(request{"stop_request"}); err != nil {
		return err
	}
	if !waitUntil(func() bool { return ear.has(func() bool { return len(ear.completed) > 0 }) }) {
		return errors.New("conversation_completed did not come")
	}
	ear.mu.Lock()
	defer ear.mu.Unlock()
	w.checkResults(this, ear)
	this.same("conversation_completed arrives once, with the conversation id", ear.completed, ear.created)
	_, err = strconv.ParseUint(ear.created[0], 10, 64)
	this.check("the conversation id is a text of digits", err == nil)
	return nil
}

// errors come flat, and the connection goes on.
func (w *world) errors(this *scenario) error {
	ear := &listener{this: this}
	client, err := w.start(ear, w.config())
	if err != nil {
		return err
	}
	defer client.Stop()
	if err := client.WriteJSON(request{"nonsense"}); err != nil {
		return err
	}
	// The SDK tells its log, and nobody else, after it has decoded the error into texts.
	this.check("the SDK reads the error", waitUntil(func() bool {
		_, said, found := strings.Cut(this.log(), "Error: {")
		return found && strings.Contains(said, `"details": "`) && strings.Contains(said, "nonsense")
	}))
	if err := w.say(client); err != nil {
		return err
	}
	this.check("messages come all the same", waitUntil(func() bool {
		return ear.has(func() bool { return len(ear.messages) == len(w.expected.Coded.Messages) })
	}))
	return nil
}

// config has everything switched on.
func (w *world) config() *interfaces.StreamingConfig {
	config := symbl.GetDefaultConfig()
	config.Speaker = interfaces.Speaker{UserID: w.expected.Speaker.UserID, Name: w.expected.Speaker.Name}
	config.Config.SpeechRecognition = interfaces.SpeechRecognition{Encoding: "LINEAR16", SampleRateHertz: 16000}
	config.Config.MeetingTitle = "Cakes"
	config.Config.DetectEntities = true
	config.Config.Sentiment = true
	config.NoConnectionTimeout = true // the SDK has it as a boolean
	for _, tracker := range w.expected.Coded.Trackers {
		config.Trackers = append(config.Trackers, interfaces.Tracker{Name: tracker.Name, Vocabulary: tracker.Vocabulary})
	}
	return config
}

func (w *world) client(ear *listener, config *interfaces.StreamingConfig) (*symbl.StreamClient, error) {
	return symbl.NewStreamClient(context.Background(), symbl.StreamingOptions{
		SymblEndpoint: w.engine,
		SymblConfig:   config,
		Callback:      ear,
	})
}

// start returns once the conversation has an id.
func (w *world) start(ear *listener, config *interfaces.StreamingConfig) (*symbl.StreamClient, error) {
	client, err := w.client(ear, config)
	if err != nil {
		return nil, err
	}
	if err := client.Start(); err != nil {
		return nil, err
	}
	if !waitUntil(func() bool { return ear.has(func() bool { return len(ear.created) > 0 }) }) {
		client.Stop()
		return nil, errors.New("conversation_created did not come")
	}
	return client, nil
}

func (w *world) say(client *symbl.StreamClient) error {
	for rest := w.audio; len(rest) > 0; {
		size := min(chunkBytes, len(rest))
		if _, err := client.Write(rest[:size]); err != nil {
			return err
		}
		rest = rest[size:]
	}
	return nil
}

// checkResults: everything that was said, asked and promised has arrived, once and in order, in the SDK's own types.
func (w *world) checkResults(this *scenario, ear *listener) {
	expected := w.expected.Coded
	var texts, words []string
	speaker := true
	placed := true
	for _, result := range ear.results {
		speaker = speaker && result.Message.User.Name == w.expected.Speaker.Name && result.Message.User.ID != ""
		if !result.Message.IsFinal {
			continue
		}
		best := result.Message.Payload.Raw.Alternatives[0]
		texts = append(texts, best.Transcript)
		var spoken []string
		for _, word := range best.Words {
			spoken = append(spoken, word.Word)
			placed = placed && len(word.EndTime.Nanos) == 9 && seconds(word.StartTime.Seconds) <= seconds(word.EndTime.Seconds)
		}
		words = append(words, strings.Join(spoken, " "))
	}
	this.same("all final recognition results arrive, in order", texts, expected.Utterances)
	this.same("recognition results have their words", words, expected.Utterances)
	this.check("words say when they were spoken", placed)
	this.check("recognition results name the speaker", speaker)

	var contents []string
	complete, last := true, -1.0
	for _, message := range ear.messages {
		contents = append(contents, message.Payload.Content)
		complete = complete && message.ID != "" && message.From.ID != "" && message.Metadata.Words != "" &&
			message.Sentiment.Suggested != "" && message.Duration.TimeOffset > last && message.Duration.StartTime != ""
		last = message.Duration.TimeOffset
	}
	this.same("all messages arrive, in order", contents, expected.Messages)
	this.check("messages have ids, speakers, words, sentiment and times that go up", complete && last < expected.Seconds)

	found := map[string][]string{}
	for _, insight := range ear.insights {
		found[insight.Type] = append(found[insight.Type], insight.Payload.Content)
		this.check("insights refer to their messages", insight.MessageReference.ID != "" && insight.Confidence > 0)
	}
	this.same("insights: questions", found[streaming.InsightTypeQuestion], expected.Questions)
	this.same("insights: action items", found[streaming.InsightTypeActionItem], expected.Actions)
	this.same("insights: follow ups", found[streaming.InsightTypeFollowUp], expected.FollowUps)

	phrases := map[string]bool{}
	for _, topic := range ear.topics {
		phrases[topic.Phrases] = true
	}
	for _, topic := range expected.Topics {
		this.check("topics", phrases[topic])
	}
	matches := map[string][]string{}
	for _, tracker := range ear.trackers {
		for _, match := range tracker.Matches {
			matches[tracker.Name] = append(matches[tracker.Name], match.Value)
		}
	}
	this.same("trackers", distinct(matches), distinct(expected.Matches))
	for _, entity := range ear.entities {
		this.check("entities", entity.Type != "" && len(entity.Matches) > 0 && entity.Matches[0].DetectedValue != "")
	}
	this.check("entities", len(ear.entities) > 0)
	this.check("no message is unknown to the SDK", ear.unknown == 0)
	this.check("no error", !strings.Contains(this.log(), "Error: {"))
}

// distinct sorts, and drops what is there twice.
func distinct(values map[string][]string) map[string][]string {
	sorted := map[string][]string{}
	for name, all := range values {
		seen := map[string]bool{}
		for _, value := range all {
			if !seen[value] {
				sorted[name] = append(sorted[name], value)
			}
			seen[value] = true
		}
		sort.Strings(sorted[name])
	}
	return sorted
}

func seconds(text string) int {
	number, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return number
}
