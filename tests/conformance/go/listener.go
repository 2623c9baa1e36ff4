package main

import (
	"sync"

	streaming "github.com/symblai/symbl-go-sdk/pkg/api/streaming/v1/interfaces"
)

// listener is the callback of one connection: it keeps everything that the SDK decoded.
type listener struct {
	this *scenario

	mu        sync.Mutex
	created   []string
	results   []streaming.RecognitionResult
	messages  []streaming.Message
	insights  []streaming.Insight
	topics    []streaming.Topic
	trackers  []streaming.Tracker
	entities  []streaming.Entity
	completed []string
	unknown   int
}

func (l *listener) InitializedConversation(im *streaming.InitializationMessage) error {
	return l.heard("InitializedConversation", func() { l.created = append(l.created, im.Message.Data.ConversationID) })
}

func (l *listener) RecognitionResultMessage(rr *streaming.RecognitionResult) error {
	return l.heard("RecognitionResultMessage", func() { l.results = append(l.results, *rr) })
}

func (l *listener) MessageResponseMessage(mr *streaming.MessageResponse) error {
	return l.heard("MessageResponseMessage", func() { l.messages = append(l.messages, mr.Messages...) })
}

func (l *listener) InsightResponseMessage(ir *streaming.InsightResponse) error {
	return l.heard("InsightResponseMessage", func() { l.insights = append(l.insights, ir.Insights...) })
}

func (l *listener) TopicResponseMessage(tr *streaming.TopicResponse) error {
	return l.heard("TopicResponseMessage", func() { l.topics = append(l.topics, tr.Topics...) })
}

func (l *listener) TrackerResponseMessage(tr *streaming.TrackerResponse) error {
	return l.heard("TrackerResponseMessage", func() { l.trackers = append(l.trackers, tr.Trackers...) })
}

func (l *listener) EntityResponseMessage(er *streaming.EntityResponse) error {
	return l.heard("EntityResponseMessage", func() { l.entities = append(l.entities, er.Entities...) })
}

func (l *listener) TeardownConversation(tm *streaming.TeardownMessage) error {
	return l.heard("TeardownConversation", func() { l.completed = append(l.completed, tm.Message.Data.ConversationID) })
}

func (l *listener) UserDefinedMessage(data []byte) error {
	return l.heard("UserDefinedMessage", func() { l.unknown++ })
}

func (l *listener) UnhandledMessage(data []byte) error {
	return l.heard("UnhandledMessage", func() { l.unknown++ })
}

func (l *listener) heard(handler string, keep func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.this.count(handler)
	keep()
	return nil
}

// has says whether a condition on what was heard holds by now.
func (l *listener) has(condition func() bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return condition()
}
