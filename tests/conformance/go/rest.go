package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"

	async "github.com/symblai/symbl-go-sdk/pkg/api/async/v1"
	rest "github.com/symblai/symbl-go-sdk/pkg/api/async/v1/interfaces"
	symbl "github.com/symblai/symbl-go-sdk/pkg/client"
	interfaces "github.com/symblai/symbl-go-sdk/pkg/client/interfaces"
)

const api = "https://api.symbl.ai/v1/conversations/"

// afterStop uses Stop of the SDK, which does not wait for any result: they are read from the Conversation API.
func (w *world) afterStop(this *scenario) error {
	ear := &listener{this: this}
	client, err := w.start(ear, w.config())
	if err != nil {
		return err
	}
	conversation := ear.created[0]
	err = w.say(client)
	client.Stop()
	if err != nil {
		return err
	}
	kept, err := w.restClient()
	if err != nil {
		return err
	}
	reader := async.New(kept)
	this.check("all messages are kept", waitUntil(func() bool {
		found, err := reader.GetMessages(context.Background(), conversation)
		return err == nil && len(found.Messages) == len(w.expected.Coded.Messages)
	}))
	return w.checkKept(this, reader, conversation)
}

// restClient is the SDK's for everything but sockets. It knows one host; here, that name leads to the engine.
func (w *world) restClient() (*symbl.RestClient, error) {
	client, err := symbl.NewRestClient(context.Background())
	if err != nil {
		return nil, err
	}
	transport := client.Transport.(*http.Transport)
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, w.engine)
	}
	return client, nil
}

// checkKept reads everything with the SDK's own types: an answer with one wrong type is an error.
func (w *world) checkKept(this *scenario, reader *async.Client, conversation string) error {
	ctx, expected := context.Background(), w.expected.Coded
	var problems []error
	asked := func(name string, err error) {
		this.count(name)
		this.check(name+" answers", err == nil)
		problems = append(problems, err)
	}

	// The SDK has no method for these parameters, but sends what it is given.
	messages := &rest.MessageResult{}
	request, err := http.NewRequestWithContext(ctx, "GET", api+conversation+"/messages?verbose=true&sentiment=true", nil)
	if err != nil {
		return err
	}
	asked("Do", reader.Do(ctx, request, messages))
	var texts, words []string
	complete := true
	for _, message := range messages.Messages {
		texts = append(texts, message.Text)
		var spoken []string
		for _, word := range message.Words {
			spoken = append(spoken, word.Word)
			complete = complete && word.StartTime != "" && word.EndTime != ""
		}
		words = append(words, strings.Join(spoken, " "))
		complete = complete && message.ID != "" && message.From.Name == w.expected.Speaker.Name &&
			message.Duration > 0 && message.Sentiment.Suggested != "" && message.ConversationID == conversation
	}
	this.same("messages", texts, expected.Messages)
	this.same("messages have their words", words, expected.Messages)
	this.check("messages have speakers, sentiment and durations", complete)

	questions, err := reader.GetQuestions(ctx, conversation)
	asked("GetQuestions", err)
	actions, err := reader.GetActionItems(ctx, conversation)
	asked("GetActionItems", err)
	followUps, err := reader.GetFollowUps(ctx, conversation)
	asked("GetFollowUps", err)
	topics, err := reader.GetTopics(ctx, conversation)
	asked("GetTopics", err)
	entities, err := reader.GetEntities(ctx, conversation)
	asked("GetEntities", err)
	members, err := reader.GetMembers(ctx, conversation)
	asked("GetMembers", err)
	analytics, err := reader.GetAnalytics(ctx, conversation)
	asked("GetAnalytics", err)
	// GetTracker reads one tracker, but there are several.
	var trackers []rest.TrackerResult
	request, err = http.NewRequestWithContext(ctx, "GET", api+conversation+"/trackers-detected", nil)
	if err != nil {
		return err
	}
	asked("Do", reader.Do(ctx, request, &trackers))
	one, err := reader.GetConversation(ctx, conversation)
	asked("GetConversation", err)
	all, err := reader.GetConversations(ctx)
	asked("GetConversations", err)
	summary, err := reader.GetSummary(ctx, conversation)
	asked("GetSummary", err)
	transcript, err := reader.GetTranscript(ctx, conversation, rest.TranscriptRequest{
		ContentType: rest.TranscriptContentTypeMarkdown, ShowSpeakerSeparation: true,
	})
	asked("GetTranscript", err)
	if err := errors.Join(problems...); err != nil {
		return err
	}

	texts = nil
	for _, question := range questions.Questions {
		texts = append(texts, question.Text)
	}
	this.same("questions", texts, expected.Questions)
	texts = nil
	for _, action := range actions.ActionItems {
		texts = append(texts, action.Text)
		this.check("action items have an assignee", action.Assignee.Name != "")
	}
	this.same("action items", texts, expected.Actions)
	texts = nil
	for _, followUp := range followUps.FollowUps {
		texts = append(texts, followUp.Text)
	}
	this.same("follow-ups", texts, expected.FollowUps)
	found := map[string]bool{}
	for _, topic := range topics.Topics {
		found[topic.Text] = true
	}
	for _, topic := range expected.Topics {
		this.check("topics", found[topic])
	}
	this.check("entities", len(entities.Entities) > 0)
	for _, entity := range entities.Entities {
		this.check("entities", entity.Type != "" && len(entity.Matches) > 0 && len(entity.Matches[0].MessageRefs) > 0)
	}
	values := map[string][]string{}
	for _, tracker := range trackers {
		for _, match := range tracker.Matches {
			values[tracker.Name] = append(values[tracker.Name], match.Value)
		}
	}
	this.same("trackers", distinct(values), distinct(expected.Matches))
	this.check("members", len(members.Members) == 1 && members.Members[0].Name == w.expected.Speaker.Name)
	this.check("analytics", len(analytics.Metrics) > 0 && analytics.Members[0].Pace.Wpm > 0)
	this.check("the conversation", one.ID == conversation && one.Name == "Cakes" && one.EndTime != "")
	this.check("the list of conversations", len(all.Conversations) > 0)
	this.check("the summary", len(summary.Summaries) > 0 && summary.Summaries[0].Text != "")
	this.check("the transcript", strings.Contains(transcript.Transcript.Payload, expected.Messages[0]))

	renamed := members.Members[0]
	renamed.Name = "Ines of the bakery"
	this.count("UpdateMember")
	if err := reader.UpdateMember(ctx, conversation, renamed); err != nil {
		return err
	}
	again, err := reader.GetMessages(ctx, conversation)
	asked("GetMessages", err)
	this.check("a member who gets another name has it in the messages", err == nil && again.Messages[0].From.Name == renamed.Name)

	_, err = reader.GetMessages(ctx, "1000000000000000")
	var status *interfaces.StatusError
	this.check("a conversation that does not exist is 404", errors.As(err, &status) && status.Resp.StatusCode == 404)
	return nil
}
