package main

import (
	"context"
	"errors"
	"strings"

	management "github.com/symblai/symbl-go-sdk/pkg/api/management/v1"
	manage "github.com/symblai/symbl-go-sdk/pkg/api/management/v1/interfaces"
	interfaces "github.com/symblai/symbl-go-sdk/pkg/client/interfaces"
)

// trackers of the account are created, changed, used by a conversation that names none itself, and deleted.
func (w *world) trackers(this *scenario) error {
	ctx := context.Background()
	client, err := w.restClient()
	if err != nil {
		return err
	}
	trackers := management.New(client)
	words := strings.Fields(strings.TrimRight(w.expected.Coded.Messages[0], ".?"))
	phrase := strings.ToLower(words[len(words)-1])
	wanted := manage.TrackerRequest{
		Name:       "Kept by the account",
		Categories: []string{"Conformance"},
		Languages:  []string{manage.TrackerLanguageDefault},
		Vocabulary: []string{phrase},
	}

	made, err := trackers.CreateTracker(ctx, wanted)
	this.count("CreateTracker")
	if err != nil {
		return err
	}
	defer trackers.DeleteTracker(ctx, made.Tracker.ID)
	this.check("it has an id and is as it was asked for", made.Tracker.ID != "" && made.Tracker.Name == wanted.Name)
	_, err = trackers.CreateTracker(ctx, wanted)
	var status *interfaces.StatusError
	this.check("a name twice is 409", errors.As(err, &status) && status.Resp.StatusCode == 409)

	changed, err := trackers.UpdateTracker(ctx, made.Tracker.ID, manage.UpdateTrackerRequest{
		TrackerArray: []manage.TrackerTupleRequest{{
			Op: manage.TrackerOperationReplace, Path: manage.TrackerPathDescription, Value: "Changed",
		}},
	})
	this.count("UpdateTracker")
	if err != nil {
		return err
	}
	this.same("it is changed", changed.Tracker.Description, "Changed")

	config := w.config()
	config.Trackers = nil
	config.Config.Trackers.EnableAllTrackers = true
	ear := &listener{this: this}
	stream, err := w.start(ear, config)
	if err != nil {
		return err
	}
	defer stream.Stop()
	if err := w.say(stream); err != nil {
		return err
	}
	this.check("a conversation uses it", waitUntil(func() bool {
		return ear.has(func() bool {
			for _, tracker := range ear.trackers {
				if tracker.Name == wanted.Name && tracker.Matches[0].Value == phrase {
					return true
				}
			}
			return false
		})
	}))

	this.count("DeleteTracker")
	if err := trackers.DeleteTracker(ctx, made.Tracker.ID); err != nil {
		return err
	}
	left, err := trackers.GetTrackers(ctx)
	this.count("GetTrackers")
	if err != nil {
		return err
	}
	for _, tracker := range left.Trackers {
		this.check("it is deleted", tracker.ID != made.Tracker.ID)
	}
	this.check("it is deleted", true)
	return nil
}
